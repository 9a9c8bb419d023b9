//! `/blocks`

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use muster_api::{
    blocks::{
        BlockStorage, BlocksMove, BlocksVerify, Digest, MAX_BLOCK, MissingQuery, MissingReply,
    },
    jobs::Job,
    plan::Plan,
    problem::Problem,
};
use muster_blocks::BlocksError;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Raw, Segment},
};
use crate::control::{error::ControlError, terms::Outcome};

/// The most blocks that one question may name.
const MAX_ASKED: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(block_storage_show))
        .routes(routes!(block_storage_move))
        .routes(routes!(block_storage_verify))
        .routes(routes!(block_storage_adopt))
        .routes(routes!(block_missing))
        .routes(routes!(block_get, block_put))
}

/// Show where this host keeps its blocks, and how many there are.
#[utoipa::path(get, path = "/blocks", tag = "blocks", responses((status = 200, body = BlockStorage)))]
async fn block_storage_show(State(api): State<Api>) -> Answer<Tagged<Json<BlockStorage>>> {
    let shown = api.block_storage.show().await?;
    Ok(Tagged::new(&api.blocks.place(), Json(shown)))
}

/// Move all blocks elsewhere: they are copied, read back, and kept there from then on.
#[utoipa::path(post, path = "/blocks/actions/move", tag = "blocks", params(DryRun), request_body = BlocksMove, responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn block_storage_move(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(asked): Input<BlocksMove>,
) -> Answer<Outcome<Job>> {
    Ok(api.block_storage.begin_move(&actor, &terms, asked).await?)
}

/// Read every block that something needs, and say which are missing or damaged.
#[utoipa::path(post, path = "/blocks/actions/verify", tag = "blocks", request_body = BlocksVerify, responses(
    (status = 202, body = Job),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn block_storage_verify(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(asked): Input<BlocksVerify>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = api.block_storage.begin_verify(&actor, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Have this Muster alone remove from its bucket what it does not need.
#[utoipa::path(post, path = "/blocks/actions/adopt", tag = "blocks", params(DryRun), responses(
    (status = 200, body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn block_storage_adopt(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
) -> Answer<Json<Plan>> {
    Ok(Json(api.block_storage.adopt(&actor, &terms).await?))
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

/// Fetch a block by its name.
#[utoipa::path(get, path = "/blocks/{digest}", tag = "blocks", params(("digest" = String, Path, description = "SHA-256 of the bytes, in lower-case hexadecimal")), responses(
    (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server that keeps the blocks is away", body = Problem, content_type = "application/problem+json"),
))]
async fn block_get(
    State(api): State<Api>,
    _: Caller,
    Segment(digest): Segment<String>,
) -> Answer<impl IntoResponse> {
    let digest = Digest::parse(&digest)
        .map_err(|error| ControlError::invalid("digest", error.to_string()))?;
    let bytes = match api.blocks.get(&digest).await {
        Err(BlocksError::Missing(_) | BlocksError::Corrupt(_)) => {
            return Err(ControlError::not_found("block", digest.to_string()).into());
        }
        other => other.map_err(ControlError::from)?,
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
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
