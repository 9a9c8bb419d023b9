//! `/signing-keys`

use axum::{Json, extract::State};
use muster_api::{page::Page, tokens::SigningKey};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, caller::Caller, reply::Answer};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(signing_key_list, signing_key_rotate))
}

/// List the keys that tokens are signed with, newest first.
#[utoipa::path(get, path = "/signing-keys", tag = "config", responses((status = 200, body = Page<SigningKey>)))]
async fn signing_key_list(State(api): State<Api>) -> Answer<Json<Page<SigningKey>>> {
    let items = api.sessions.tokens.list().await?;
    Ok(Json(Page { items, next: None }))
}

/// Make a new key, which signs from now on. Tokens that other keys have signed
/// stay good until they expire.
#[utoipa::path(post, path = "/signing-keys", tag = "config", responses((status = 200, body = SigningKey)))]
async fn signing_key_rotate(
    State(api): State<Api>,
    Caller(actor): Caller,
) -> Answer<Json<SigningKey>> {
    Ok(Json(api.sessions.tokens.rotate(&actor).await?))
}
