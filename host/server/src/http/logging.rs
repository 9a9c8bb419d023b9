//! `/logging`

use axum::{Json, extract::State};
use muster_api::{
    logging::{LoggingChange, LoggingState},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(logging_show, logging_change, logging_reset))
}

/// Show what this host logs, how, and where to.
#[utoipa::path(get, path = "/logging", tag = "host", responses((status = 200, body = LoggingState)))]
async fn logging_show(State(api): State<Api>) -> Answer<Tagged<Json<LoggingState>>> {
    let state = api.logging.show();
    Ok(Tagged::new(&state.clone(), Json(state)))
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
    On(terms): On,
    Input(change): Input<LoggingChange>,
) -> Answer<Json<LoggingState>> {
    Ok(Json(api.logging.change(&actor, &terms, change).await?))
}

/// Log as the host was told when it was started, and keep nothing else.
#[utoipa::path(delete, path = "/logging", tag = "host", params(DryRun), responses((status = 200, body = LoggingState)))]
async fn logging_reset(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
) -> Answer<Json<LoggingState>> {
    Ok(Json(api.logging.reset(&actor, &terms).await?))
}
