//! `/terms`: terms of use, and who accepted them.

use axum::{Json, extract::State, http::StatusCode};
use muster_api::{
    page::{Page, PageQuery},
    problem::Problem,
    terms::{Acceptance, AcceptanceQuery, NewTerm, Term, TermInfo},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    reply::{Answer, Input, Params, Segment},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(term_list, term_add))
        .routes(routes!(term_show))
        .routes(routes!(acceptance_list))
}

/// List the versions of the terms of use, newest first. The newest one counts.
#[utoipa::path(get, path = "/terms", tag = "terms", security(()), params(PageQuery), responses((status = 200, body = Page<TermInfo>)))]
async fn term_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<TermInfo>>> {
    Ok(Json(api.terms_of_use.list(&page).await?))
}

/// Add a version of the terms of use. Everybody has to accept it at their next
/// login; sessions that go on can do so until their access token expires.
#[utoipa::path(post, path = "/terms", tag = "terms", request_body = NewTerm, responses(
    (status = 201, body = TermInfo),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn term_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewTerm>,
) -> Answer<(StatusCode, Json<TermInfo>)> {
    let added = api.terms_of_use.add(&actor, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Show a version of the terms of use with its text.
#[utoipa::path(get, path = "/terms/{version}", tag = "terms", security(()), params(("version" = u64, Path, description = "The version")), responses(
    (status = 200, body = Term),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn term_show(State(api): State<Api>, Segment(version): Segment<u64>) -> Answer<Json<Term>> {
    Ok(Json(api.terms_of_use.show(version).await?))
}

/// List who accepted which version, when and from where.
#[utoipa::path(get, path = "/term-acceptances", tag = "terms", params(PageQuery, AcceptanceQuery), responses((status = 200, body = Page<Acceptance>)))]
async fn acceptance_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
    Params(query): Params<AcceptanceQuery>,
) -> Answer<Json<Page<Acceptance>>> {
    let found = api.terms_of_use.acceptances(query.version, &page).await?;
    Ok(Json(found))
}
