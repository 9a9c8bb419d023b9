//! `/apps/{app}/metrics`

use std::time::SystemTime;

use axum::{Json, extract::State};
use muster_api::metrics::AppMetrics;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    gather::Reading,
    reply::{Answer, Segment},
};
use crate::{
    control::apps::require_app,
    peers::logs::OfRequests,
    requests::{KEPT, STRETCH, over},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(app_metrics))
}

/// Show how many requests an app had in the last hour, how many failed, and how long
/// they took, ten seconds at a time.
///
/// The leader of a group adds up what its hosts have counted; a follower shows what it
/// has itself.
#[utoipa::path(get, path = "/apps/{app}/metrics", tag = "apps", params(("app" = String, Path, description = "The app's name")), responses(
    (status = 200, body = AppMetrics),
))]
async fn app_metrics(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(app): Segment<String>,
) -> Answer<Json<AppMetrics>> {
    let app = require_app(&api.store, &actor, &app).await?;
    let mut hosts = api.links.log_hosts(&[]).await?;
    hosts.gaps.clear();
    let reading = Reading {
        wanted: OfRequests { app: app.id },
        hosts,
        own: None,
        tail: usize::MAX,
        of_each: KEPT,
    };
    let gathered = reading.last(&api, |_| true).await;
    let (until, stretches) = over(gathered.lines, SystemTime::now());
    Ok(Json(AppMetrics {
        stretch_seconds: STRETCH,
        until,
        stretches,
        missing: gathered.gaps,
    }))
}
