//! `/apps/{app}/logs`

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt};
use muster_api::{
    logs::{LogLine, LogQuery},
    page::Page,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    reply::{Answer, Params, Segment},
};
use crate::control::{apps::require_app, error::ControlError};

const DEFAULT_TAIL: u32 = 100;
const MAX_TAIL: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(log_tail))
}

/// Show an app's last log lines; with `follow=true`, go on with new ones as
/// server-sent events. `Last-Event-ID` continues from a line's sequence.
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
    let tail = query.tail.unwrap_or(DEFAULT_TAIL);
    if tail > MAX_TAIL {
        return Err(ControlError::invalid(
            "tail",
            format!("{tail} is out of bounds: 0 to {MAX_TAIL}"),
        )
        .into());
    }
    let app = require_app(&api.store, &actor, &app).await?.name;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse::<u64>().ok());
    if !query.follow {
        let items = api.logs.app(&app).tail(&app, tail as usize);
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let ending = api.ending.clone();
    let stream = follow(api, app, tail as usize, last).take_until(ending.cancelled_owned());
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// The last lines, or those after `last`, and then every new one.
fn follow(
    api: Api,
    app: String,
    tail: usize,
    last: Option<u64>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let log = api.logs.app(&app);
    let (first, begin) = match last {
        Some(last) => (Vec::new(), last),
        None => {
            let all = log.tail(&app, usize::MAX);
            let newest = all.last().map_or(0, |line| line.sequence);
            let skip = all.len().saturating_sub(tail);
            (all.into_iter().skip(skip).collect(), newest)
        }
    };
    let rest = futures::stream::unfold(begin, move |last| {
        let (log, app) = (log.clone(), app.clone());
        async move {
            let lines = log.after(&app, last).await?;
            let last = lines.last().map_or(last, |line| line.sequence);
            Some((lines, last))
        }
    });
    futures::stream::iter([first])
        .chain(rest)
        .flat_map(|lines| futures::stream::iter(lines.into_iter().map(event)))
}

fn event(line: LogLine) -> Result<Event, Infallible> {
    let event = Event::default().event("line").id(line.sequence.to_string());
    Ok(event
        .json_data(&line)
        .unwrap_or_else(|_| Event::default().comment("a line could not be written")))
}
