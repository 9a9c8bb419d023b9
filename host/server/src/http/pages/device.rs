//! `/device`: where people enter the code that a device shows them.

use std::collections::BTreeMap;

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minijinja::context;

use super::{
    super::Api,
    Shown, begin,
    page::{Page, stopped},
};
use crate::control::authorization::{Goal, Visit};

const FIELD: &str = "user_code";

fn form(code: &str, problem: Option<&str>) -> Page {
    Page::new("device.html", context! { code, problem })
}

/// `GET /device`
pub(super) async fn show(Query(parameters): Query<BTreeMap<String, String>>) -> Response {
    let code = parameters.get(FIELD).map_or("", String::as_str);
    form(code, None).into_response()
}

/// `POST /device`
pub(super) async fn enter(
    State(api): State<Api>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Shown {
    let entered = fields.get(FIELD).map_or("", String::as_str);
    let authorization = &api.authorization;
    let question = authorization.device_question(entered).await;
    let Some((code, _)) = question.map_err(stopped)? else {
        let problem = "This code is wrong, or has expired. Look again at what your device shows.";
        return Ok(form(entered, Some(problem))
            .status(StatusCode::UNPROCESSABLE_ENTITY)
            .into_response());
    };
    let visit = Visit::to(Goal::Device { code });
    Ok(begin(&api, &visit).await)
}
