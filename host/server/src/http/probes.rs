//! `/healthz`, `/readyz` and `/metrics`: for machines. The first two are without
//! a token and without anything that is not for everybody; the metrics name
//! apps, and are for those whom the configuration lets see them.

use std::net::IpAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header, request::Parts},
    response::IntoResponse,
    routing::get,
};
use muster_api::{
    config::management::{Management, MetricsReaders},
    permissions::Permission,
};

use super::{
    Api,
    authorise::{authenticate, origin},
    reply::Answer,
    status,
};
use crate::control::error::ControlError;

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

/// Every role does its job, and all that this host answers for serves.
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

async fn metrics(State(api): State<Api>, request: Request) -> Answer<impl IntoResponse> {
    let (request, _) = request.into_parts();
    let readers = api.config.get::<Management>().metrics;
    if readers == MetricsReaders::SignedIn && !is_from_here(&request) {
        let permission = Permission::StatusRead;
        let actor = authenticate(&api, &request).await?;
        if !actor.rights.anywhere(permission) {
            return Err(ControlError::Forbidden { permission }.into());
        }
    }
    if let Ok(status) = status::status(&api).await {
        metrics::gauge!("muster_apps").set(status.apps);
        metrics::gauge!("muster_instances_running").set(status.running);
        metrics::gauge!("muster_instances_desired").set(status.desired);
    }
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        api.metrics.render(),
    ))
}

/// Whether somebody on this machine asks, and not by a proxy on it for somebody
/// else, or with a token, which is then to be a good one.
fn is_from_here(request: &Parts) -> bool {
    let fields = [
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "via",
        "authorization",
    ];
    let address = origin(&request.extensions).and_then(|from| from.parse::<IpAddr>().ok());
    address.is_some_and(|address| address.is_loopback())
        && !fields
            .iter()
            .any(|field| request.headers.contains_key(*field))
}
