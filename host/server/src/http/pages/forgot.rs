//! `/account/forgot`: where people ask for a link by which they choose another
//! password. The answer never tells whether anybody is known.

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minijinja::context;
use muster_api::sign_ups::NewPasswordReset;

use super::{
    super::Api,
    Fields, Shown,
    guest::Guest,
    page::{Page, message, sentence, stopped},
};
use crate::control::error::ControlError;

/// `GET /account/forgot`
pub(super) async fn show(State(api): State<Api>, guest: Guest) -> Response {
    if api.post.is_configured() {
        return form(&api, &guest, "", None).into_response();
    }
    message("Forgot your password?", api.activations.reset_told()).into_response()
}

/// `POST /account/forgot`
pub(super) async fn send(
    State(api): State<Api>,
    guest: Guest,
    Form(fields): Form<Fields>,
) -> Shown {
    guest.check(&fields)?;
    let email = fields.get("email").cloned().unwrap_or_default();
    let ask = NewPasswordReset {
        email: email.clone(),
    };
    match api.activations.ask_reset(ask).await {
        Ok(reply) => Ok(message("One more step", &reply.next).into_response()),
        Err(ControlError::Invalid(problems)) => {
            let told: Vec<_> = problems
                .iter()
                .map(|problem| sentence(&problem.message))
                .collect();
            let page = form(&api, &guest, &email, Some(told.join(" ")));
            Ok(page
                .status(StatusCode::UNPROCESSABLE_ENTITY)
                .into_response())
        }
        Err(error) => Err(stopped(error)),
    }
}

fn form(api: &Api, guest: &Guest, email: &str, problem: Option<String>) -> Page {
    let token = guest.token();
    let values = context! {
        token, problem,
        values => context! { email },
    };
    Page::new("forgot.html", values).cookie(guest.cookie(api))
}
