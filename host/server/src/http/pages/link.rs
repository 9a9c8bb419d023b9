//! `/sign-in-link/{link}`: the address by which somebody's browser ties a
//! method to their account.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use muster_api::id::UserId;

use super::{
    super::Api,
    Shown, begin,
    page::{stopped, trouble},
};

/// `GET /sign-in-link/{link}`
pub(super) async fn open(State(api): State<Api>, Path(link): Path<String>) -> Shown {
    let authorization = &api.authorization;
    let visit = authorization.identity_visit(&link).await.map_err(stopped)?;
    let Some(visit) = visit else {
        return Err(trouble(
            StatusCode::BAD_REQUEST,
            "This address works once and for ten minutes. Ask for another with muster self link.",
        ));
    };
    Ok(begin(&api, &visit).await)
}

/// What a user is called.
pub(super) async fn name_of(api: &Api, user: UserId) -> Result<String, Response> {
    let user = api.users.show(&user.to_string()).await;
    Ok(user.map_err(stopped)?.0.name)
}
