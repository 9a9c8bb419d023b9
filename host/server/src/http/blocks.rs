//! `/blocks`

use axum::{Json, extract::State, http::StatusCode};
use muster_api::{
    blocks::{Digest, MAX_BLOCK, MissingQuery, MissingReply},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    reply::{Answer, Input, Raw, Segment},
};
use crate::control::error::ControlError;

/// The most blocks that one question may name.
const MAX_ASKED: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(block_missing))
        .routes(routes!(block_put))
}

/// Ask which blocks this host lacks.
#[utoipa::path(post, path = "/blocks/missing", tag = "blocks", request_body = MissingQuery, responses(
    (status = 200, body = MissingReply),
))]
async fn block_missing(
    State(api): State<Api>,
    _: Caller,
    Input(query): Input<MissingQuery>,
) -> Answer<Json<MissingReply>> {
    if query.blocks.len() > MAX_ASKED {
        let message = format!(
            "{} blocks are too many for one question; ask for {MAX_ASKED} at a time",
            query.blocks.len()
        );
        return Err(ControlError::invalid("blocks", message).into());
    }
    let missing = api
        .blocks
        .missing(&query.blocks)
        .await
        .map_err(ControlError::from)?;
    Ok(Json(MissingReply { missing }))
}

/// Upload a block under its name.
#[utoipa::path(put, path = "/blocks/{digest}", tag = "blocks", params(("digest" = String, Path, description = "SHA-256 of the bytes, in lower-case hexadecimal")), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "The block is stored"),
    (status = 413, description = "The block is larger than 4 MiB", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The bytes are not those that the name says", body = Problem, content_type = "application/problem+json"),
))]
async fn block_put(
    State(api): State<Api>,
    _: Caller,
    Segment(digest): Segment<String>,
    Raw(bytes): Raw<MAX_BLOCK>,
) -> Answer<StatusCode> {
    let digest = Digest::parse(&digest)
        .map_err(|error| ControlError::invalid("digest", error.to_string()))?;
    api.blocks
        .put(&digest, bytes)
        .await
        .map_err(ControlError::from)?;
    Ok(StatusCode::NO_CONTENT)
}
