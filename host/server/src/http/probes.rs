//! `/healthz`, `/readyz` and `/metrics`: for machines, without a token and
//! without anything that is not for everybody.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use super::{Api, status};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Every role does its job and every app serves.
async fn readyz(State(api): State<Api>) -> (StatusCode, &'static str) {
    match status::status(&api).await {
        Ok(status) if status.ready => (StatusCode::OK, "ready\n"),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database cannot be read\n",
        ),
    }
}

async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    if let Ok(status) = status::status(&api).await {
        metrics::gauge!("muster_apps").set(status.apps);
        metrics::gauge!("muster_instances_running").set(status.running);
        metrics::gauge!("muster_instances_desired").set(status.desired);
    }
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        api.metrics.render(),
    )
}
