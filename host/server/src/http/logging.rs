//! `/logging`

use axum::{Json, extract::State};
use muster_api::{
    logging::{LoggingChange, LoggingState},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    apps::DryRun,
    caller::Caller,
    reply::{Answer, Input, Params},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(logging_show, logging_change, logging_reset))
}

/// Show what this host logs, how, and where to.
#[utoipa::path(get, path = "/logging", tag = "host", responses((status = 200, body = LoggingState)))]
async fn logging_show(State(api): State<Api>) -> Answer<Json<LoggingState>> {
    Ok(Json(api.logging.show()))
}

/// Change what this host logs, how, and where to: at once, and until it starts
/// anew, for a while, or for ever.
#[utoipa::path(put, path = "/logging", tag = "host", params(DryRun), request_body = LoggingChange, responses(
    (status = 200, body = LoggingState),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn logging_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(how): Params<DryRun>,
    Input(change): Input<LoggingChange>,
) -> Answer<Json<LoggingState>> {
    Ok(Json(api.logging.change(&actor, change, how.dry_run).await?))
}

/// Log as the host was told when it was started, and keep nothing else.
#[utoipa::path(delete, path = "/logging", tag = "host", responses((status = 200, body = LoggingState)))]
async fn logging_reset(
    State(api): State<Api>,
    Caller(actor): Caller,
) -> Answer<Json<LoggingState>> {
    Ok(Json(api.logging.reset(&actor).await?))
}
