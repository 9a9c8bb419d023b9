//! `/self`: what concerns whoever asks.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use muster_api::{
    id::SessionId,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    sessions::Session,
    users::{PasswordChange, Profile},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::{terms::Outcome, views::page_of};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(self_show))
        .routes(routes!(self_password_change))
        .routes(routes!(self_session_list))
        .routes(routes!(self_session_end))
}

/// Show who you are and what you may do.
#[utoipa::path(get, path = "/self", tag = "self", responses((status = 200, body = Profile)))]
async fn self_show(State(api): State<Api>, Caller(actor): Caller) -> Answer<Json<Profile>> {
    Ok(Json(api.users.profile(&actor, actor.person()?).await?))
}

/// Change your password. Your other sessions end.
#[utoipa::path(put, path = "/self/password", tag = "self", request_body = PasswordChange, responses(
    (status = 204, description = "The new password counts"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn self_password_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(change): Input<PasswordChange>,
) -> Answer<StatusCode> {
    api.users.change_password(&actor, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List your sessions, newest first.
#[utoipa::path(get, path = "/self/sessions", tag = "self", params(PageQuery), responses((status = 200, body = Page<Session>)))]
async fn self_session_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Session>>> {
    let items = api.sessions.list(actor.person()?, actor.session).await?;
    Ok(Json(page_of(items, &query)?))
}

/// End one of your sessions.
#[utoipa::path(delete, path = "/self/sessions/{session}", tag = "self", params(("session" = SessionId, Path, description = "The session's id"), DryRun), responses(
    (status = 204, description = "The session has ended"),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn self_session_end(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(session): Segment<SessionId>,
) -> Answer<Response> {
    let ended = api.sessions.end(&actor, &terms, actor.person()?, session);
    Ok(match ended.await? {
        Outcome::Done(()) => StatusCode::NO_CONTENT.into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}
