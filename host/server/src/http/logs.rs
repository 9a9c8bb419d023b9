//! `/apps/{app}/logs`

use std::{collections::HashMap, convert::Infallible};

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
use muster_store::AppRecord;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    reply::{Answer, Params, Segment},
};
use crate::control::{apps::require_app, error::ControlError, linking::Part};

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
    let app = require_app(&api.store, &actor, &app).await?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse::<u64>().ok());
    if !query.follow {
        let own = api.logs.app(&app.id.to_string());
        let own = own.tail(&app.name, usize::MAX);
        let items = last_lines(&api, &app, own, tail as usize, &query).await;
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let ending = api.ending.clone();
    let stream = follow(api, app, tail as usize, last, query).await;
    let stream = stream.take_until(ending.cancelled_owned());
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// The last lines that are asked for, of all hosts.
async fn last_lines(
    api: &Api,
    app: &AppRecord,
    own: Vec<LogLine>,
    tail: usize,
    query: &LogQuery,
) -> Vec<LogLine> {
    let mut lines = here(own_name(api).await.as_deref(), own);
    // Filters may leave few of many.
    let asked = (app.id, &*app.name);
    let elsewhere = api.links.log_tail(asked, MAX_TAIL as usize).await;
    lines.extend(elsewhere);
    lines.retain(|line| query.takes(line));
    let mut lines = merged(lines);
    let skip = lines.len().saturating_sub(tail);
    lines.drain(..skip);
    lines
}

/// Lines of several hosts by time, where each host's stay in their order: that a
/// request has come is written down with its beginning, but after what was
/// written while it was served.
fn merged(lines: Vec<LogLine>) -> Vec<LogLine> {
    let mut latest = HashMap::new();
    let mut timed: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let latest = latest.entry(line.host.clone()).or_insert(line.time);
            *latest = line.time.max(*latest);
            (*latest, line)
        })
        .collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, line)| line).collect()
}

/// What lines of this host are told apart by, where there are others.
async fn own_name(api: &Api) -> Option<String> {
    let several = matches!(api.links.part().await, Ok(Part::Leads(_)));
    several.then(|| api.host.name.get())
}

/// Says that lines are of this host.
fn here(host: Option<&str>, mut lines: Vec<LogLine>) -> Vec<LogLine> {
    for line in &mut lines {
        line.host = host.map(str::to_owned);
    }
    lines
}

/// The last lines, or this host's after `last`, and then every new one. Only
/// this host's have numbers to go on after; those of others go on with what is
/// new.
async fn follow(
    api: Api,
    app: AppRecord,
    tail: usize,
    last: Option<u64>,
    query: LogQuery,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let log = api.logs.app(&app.id.to_string());
    let (first, begin) = match last {
        Some(last) => (Vec::new(), last),
        None => {
            let own = log.tail(&app.name, usize::MAX);
            let newest = own.last().map_or(0, |line| line.sequence);
            (last_lines(&api, &app, own, tail, &query).await, newest)
        }
    };
    let elsewhere = api.links.log_follow((app.id, &app.name)).await;
    let own = own_name(&api).await;
    let (host, app) = (own.clone(), app.name);
    let rest = futures::stream::unfold(begin, move |last| {
        let (log, app, host) = (log.clone(), app.clone(), host.clone());
        async move {
            let lines = log.after(&app, last).await?;
            let last = lines.last().map_or(last, |line| line.sequence);
            Some((here(host.as_deref(), lines), last))
        }
    });
    futures::stream::iter([first])
        .chain(until_either_ends(rest, elsewhere))
        .flat_map(futures::stream::iter)
        .filter(move |line| std::future::ready(query.takes(line)))
        .map(move |line| event(&line, line.host == own))
}

/// Both together, until the first one ends: once the app is gone nobody has more.
fn until_either_ends<T>(
    first: impl Stream<Item = T>,
    second: impl Stream<Item = T>,
) -> impl Stream<Item = T> {
    let first = first.map(Some).chain(futures::stream::iter([None]));
    futures::stream::select(first, second.map(Some))
        .take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
}

fn event(line: &LogLine, numbered: bool) -> Result<Event, Infallible> {
    let mut event = Event::default().event("line");
    if numbered {
        event = event.id(line.sequence.to_string());
    }
    Ok(event
        .json_data(line)
        .unwrap_or_else(|_| Event::default().comment("a line could not be written")))
}
