//! `/users`

use axum::{Json, extract::State};
use muster_api::{
    page::{Page, PageQuery},
    problem::Problem,
    users::{User, UserQuery},
};
use muster_store::UserFilter;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    reply::{Answer, Params, Segment},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(user_list))
        .routes(routes!(user_show))
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

/// Show a user.
#[utoipa::path(get, path = "/users/{user}", tag = "users", params(("user" = String, Path, description = "The user's name or id")), responses(
    (status = 200, body = User),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn user_show(State(api): State<Api>, Segment(user): Segment<String>) -> Answer<Json<User>> {
    Ok(Json(api.users.show(&user).await?))
}
