//! `/tokens`

use axum::{Json, extract::State};
use muster_api::{
    problem::Problem,
    tokens::{TokenReply, TokenRequest},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    reply::{Answer, Input},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(token_create))
}

/// Trade a password or a refresh token for a pair of tokens.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenRequest, security(()), responses(
    (status = 200, body = TokenReply),
    (status = 401, description = "Name, password or token is wrong", body = Problem, content_type = "application/problem+json"),
))]
async fn token_create(
    State(api): State<Api>,
    Input(request): Input<TokenRequest>,
) -> Answer<Json<TokenReply>> {
    Ok(Json(api.tokens.grant(request).await?))
}
