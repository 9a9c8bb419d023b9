//! `/users`

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use muster_api::{
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    sessions::Session,
    users::{Activation, CreatedUser, EndedSessions, NewUser, User, UserChange, UserQuery},
};
use muster_store::UserFilter;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OnlyIf, OrPlan, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::terms::Outcome;

/// Says of an answer that it may hold a link, which nobody is to keep.
type Secret = [(HeaderName, HeaderValue); 1];

const SECRET: Secret = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(user_list, user_create))
        .routes(routes!(user_show, user_change, user_delete))
        .routes(routes!(user_activate))
        .routes(routes!(user_suspend))
        .routes(routes!(user_send_activation))
        .routes(routes!(user_session_list, user_session_end_all))
}

/// List users by name; without a state, all but the deleted.
#[utoipa::path(get, path = "/users", tag = "users", params(PageQuery, UserQuery), responses((status = 200, body = Page<User>)))]
async fn user_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
    Params(query): Params<UserQuery>,
) -> Answer<Json<Page<User>>> {
    let filter = UserFilter {
        state: query.state,
        kind: query.kind,
    };
    Ok(Json(api.users.list(&filter, &page).await?))
}

/// Make a user. Without a password they get a link by which they set one: by
/// mail, or in the answer if there is no mail.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser, responses(
    (status = 201, body = CreatedUser),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn user_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewUser>,
) -> Answer<(StatusCode, Secret, Json<CreatedUser>)> {
    let created = api.accounts.create(&actor, new).await?;
    Ok((StatusCode::CREATED, SECRET, Json(created)))
}

/// Show a user.
#[utoipa::path(get, path = "/users/{user}", tag = "users", params(("user" = String, Path, description = "The user's name or id")), responses(
    (status = 200, body = User),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn user_show(
    State(api): State<Api>,
    Segment(user): Segment<String>,
) -> Answer<Tagged<Json<User>>> {
    let (user, shown) = api.users.show(&user).await?;
    Ok(Tagged::new(&user, Json(shown)))
}

/// Change a user's name, address or type. Another address is not verified.
#[utoipa::path(patch, path = "/users/{user}", tag = "users", params(("user" = String, Path, description = "The user's name or id"), ("If-Match" = Option<String>, Header, description = "Change them only if they are still like this")), request_body = UserChange, responses(
    (status = 200, body = User),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn user_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment(user): Segment<String>,
    Input(change): Input<UserChange>,
) -> Answer<Json<User>> {
    Ok(Json(
        api.accounts.change(&actor, &terms, &user, change).await?,
    ))
}

/// Delete a user with all that they sign in with. Their name can be used again.
/// Refused as long as there are apps in the project of their own.
#[utoipa::path(delete, path = "/users/{user}", tag = "users", params(("user" = String, Path, description = "The user's name or id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn user_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(user): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.accounts.delete(&actor, &terms, &user).await?))
}

/// Let a user in who waits for it or was suspended.
#[utoipa::path(post, path = "/users/{user}/actions/activate", tag = "users", params(("user" = String, Path, description = "The user's name or id"), ("If-Match" = Option<String>, Header, description = "Change them only if they are still like this")), responses(
    (status = 200, body = User),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn user_activate(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment(user): Segment<String>,
) -> Answer<Json<User>> {
    Ok(Json(api.accounts.activate(&actor, &terms, &user).await?))
}

/// Shut a user out. All their sessions end at once.
#[utoipa::path(post, path = "/users/{user}/actions/suspend", tag = "users", params(("user" = String, Path, description = "The user's name or id"), DryRun), responses(
    (status = 200, description = "The user; for a dry run, the plan", body = OrPlan<User>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn user_suspend(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(user): Segment<String>,
) -> Answer<Json<OrPlan<User>>> {
    let suspended = api.accounts.suspend(&actor, &terms, &user);
    Ok(Json(suspended.await?.into()))
}

/// Send a user a new link by which they set their password, or verify their
/// address if they signed up. Links sent before are void.
#[utoipa::path(post, path = "/users/{user}/actions/send-activation", tag = "users", params(("user" = String, Path, description = "The user's name or id")), responses(
    (status = 200, body = Activation),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn user_send_activation(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(user): Segment<String>,
) -> Answer<(Secret, Json<Activation>)> {
    let activation = api.accounts.send_activation(&actor, &user).await?;
    Ok((SECRET, Json(activation)))
}

/// List a user's sessions, newest first.
#[utoipa::path(get, path = "/users/{user}/sessions", tag = "users", params(("user" = String, Path, description = "The user's name or id")), responses(
    (status = 200, body = Page<Session>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn user_session_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(user): Segment<String>,
) -> Answer<Json<Page<Session>>> {
    let (user, _) = api.users.show(&user).await?;
    let items = api.sessions.list(user.id, actor.session).await?;
    Ok(Json(Page { items, next: None }))
}

/// End all sessions of a user. `If-Match` is about the user.
#[utoipa::path(delete, path = "/users/{user}/sessions", tag = "users", params(("user" = String, Path, description = "The user's name or id"), DryRun), responses(
    (status = 200, description = "How many have ended; for a dry run, the plan", body = OrPlan<EndedSessions>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn user_session_end_all(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(user): Segment<String>,
) -> Answer<Json<OrPlan<EndedSessions>>> {
    let (user, _) = api.users.show(&user).await?;
    let ended = api.sessions.end_all(&actor, &terms, user.id);
    Ok(Json(match ended.await? {
        Outcome::Done(ended) => OrPlan::Done(EndedSessions { ended }),
        Outcome::Planned(plan) => OrPlan::Plan(plan),
    }))
}
