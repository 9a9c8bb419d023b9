//! `/self/identities` and `/sign-in-methods`: the ways to sign in, and those of
//! whoever asks.

use axum::{Json, extract::State, http::StatusCode, middleware};
use muster_api::{
    factors::Proof,
    identities::{Identity, IdentityLink, MethodOffer, NewIdentity},
    page::{Page, PageQuery},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    rate_limits,
    reply::{Answer, Input, Params, Segment},
};

use crate::control::views::page_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(self_identity_add))
        .layer(middleware::from_fn(rate_limits::sign_in))
        .routes(routes!(self_identity_list))
        .routes(routes!(self_identity_remove))
        .routes(routes!(sign_in_method_list))
}

/// List the ways to sign in.
#[utoipa::path(get, path = "/sign-in-methods", tag = "oauth", params(PageQuery), security(()), responses((status = 200, body = Page<MethodOffer>)))]
async fn sign_in_method_list(
    State(api): State<Api>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<MethodOffer>>> {
    Ok(Json(page_of(api.sign_in.methods.offers(), &query)?))
}

/// List the sign-in methods that are tied to your account.
#[utoipa::path(get, path = "/self/identities", tag = "self", params(PageQuery), responses((status = 200, body = Page<Identity>)))]
async fn self_identity_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Identity>>> {
    let items = api.authorization.identities(actor.person()?).await?;
    Ok(Json(page_of(items, &query)?))
}

/// Tie a sign-in method to your account: with name and password there, or with
/// your browser.
#[utoipa::path(post, path = "/self/identities", tag = "self", request_body = NewIdentity, responses(
    (status = 200, body = IdentityLink),
    (status = 409, description = "It is tied to another account", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field or the proof is wrong, or a puzzle is to be solved first", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords and proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_identity_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewIdentity>,
) -> Answer<Json<IdentityLink>> {
    let added = api.authorization.identity_add(&actor, new);
    Ok(Json(added.await?))
}

/// Untie a sign-in method from your account.
#[utoipa::path(post, path = "/self/identities/{method}/actions/remove", tag = "self", params(("method" = String, Path, description = "The method's name")), request_body = Proof, responses(
    (status = 204, description = "It is not tied to your account any more"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There would be no way left to sign in", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_identity_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(method): Segment<String>,
    Input(proof): Input<Proof>,
) -> Answer<StatusCode> {
    let removed = api.authorization.identity_remove(&actor, &method, &proof);
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
