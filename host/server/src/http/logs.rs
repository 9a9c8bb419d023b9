//! `/apps/{app}/logs`

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{KeepAlive, Sse},
    },
};
use futures::StreamExt;
use muster_api::{
    logs::{LogLine, LogQuery},
    page::Page,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    gather::{self, MAX_TAIL, Reading},
    reply::{Answer, Params, Segment},
};
use crate::{control::apps::require_app, peers::logs::OfApp};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(log_tail))
}

/// Show an app's last log lines; with `follow=true`, go on with new ones as
/// server-sent events. `Last-Event-ID` continues from a line's sequence.
///
/// An event `line` has a `LogLine`. An event `missing` has a `LogGap`: a host of
/// the group does not answer, or, without a reason, answers again.
#[utoipa::path(get, path = "/apps/{app}/logs", tag = "logs", params(("app" = String, Path, description = "The app's name"), LogQuery), responses(
    (status = 200, content((Page<LogLine> = "application/json"), (String = "text/event-stream"))),
))]
async fn log_tail(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(app): Segment<String>,
    Params(query): Params<LogQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let tail = gather::tail(query.tail)?;
    let app = require_app(&api.store, &actor, &app).await?;
    let mut hosts = api.links.log_hosts(&[]).await?;
    // A follower shows what it has itself.
    hosts.gaps.clear();
    let several = !hosts.others.is_empty();
    let reading = Reading {
        wanted: OfApp {
            app: app.id,
            name: app.name,
        },
        hosts,
        own: several.then(|| api.host.name.get()),
        tail,
        of_each: MAX_TAIL as usize,
    };
    if !query.follow {
        let items = reading.last(&api, |line| query.takes(line)).await.lines;
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let last = gather::last_seen(&headers);
    let takes = move |line: &LogLine| query.takes(line);
    let ending = api.ending.clone();
    let stream = reading.follow(api, last, takes).await;
    let stream = stream.take_until(ending.cancelled_owned());
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}
