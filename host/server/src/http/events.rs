//! `/events`: the log of changes as a stream.
//!
//! Nothing is held for a client: the next part of the log is read when the
//! client has taken the last one. A client that was away comes back with the
//! last id that it saw. If the log no longer reaches back to it, the client is
//! told to read anew.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt};
use muster_api::events::{Event, EventKind, EventQuery, Reset};
use muster_store::{ChangeKind, ChangeRecord, Revisions, Store};
use time::OffsetDateTime;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    problems::Refused,
    reply::{Answer, Params},
};
use crate::control::{error::ControlError, record::Actor, watching};

/// The largest number that a revision could be.
const MAX_REVISION: u64 = i64::MAX as u64;
/// How many changes are read at once.
const PART: u64 = 256;
/// How many streams one caller may have open.
const MAX_STREAMS: usize = 32;
/// After how long without a change a client is told that the host is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether an access token has expired.
const CLOCK: Duration = Duration::from_secs(60);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(event_stream))
}

/// Follow the changes of what you may see.
///
/// Server-sent events named `RESOURCE.KIND`, such as `app.updated`, with the
/// revision as id. `Last-Event-ID` or `since` goes on after a revision. An event
/// `reset` says that changes were missed, and that everything must be read anew.
/// The stream ends when the access token expires that opened it: go on with
/// another one after the last event that came.
#[utoipa::path(get, path = "/events", tag = "events", params(
    EventQuery,
    ("Last-Event-ID" = Option<u64>, Header, description = "Go on after this event; stronger than `since`"),
), responses(
    (status = 200, description = "Server-sent events, whose data is an `Event`, or of `reset` a `Reset`", body = String, content_type = "text/event-stream"),
))]
async fn event_stream(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<EventQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let follow = query.follow.unwrap_or(true);
    if query.since.is_some_and(|since| since > MAX_REVISION) {
        let why = format!("revisions go up to {MAX_REVISION}");
        return Err(ControlError::invalid("since", why).into());
    }
    let since = match last_event(&headers)?.or(query.since) {
        Some(since) => since,
        None if follow => api
            .store
            .change_latest()
            .await
            .map_err(ControlError::from)?,
        None => api
            .store
            .change_oldest()
            .await
            .map_err(ControlError::from)?,
    };
    let until = actor.until;
    let stream = Follower {
        revisions: api.store.revisions(),
        store: api.store.clone(),
        last: since,
        only: query
            .resource
            .map(|only| only.split(',').map(str::to_owned).collect()),
        follow,
        ready: VecDeque::new(),
        _place: api.streams.take(&actor.name)?,
        actor,
    };
    let ending = api.ending.clone();
    let stream = stream.events().take_until(async move {
        tokio::select! {
            () = ending.cancelled() => {}
            () = expiry(until) => {}
        }
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

/// Waits until an access token expires; for ever without one.
pub(super) async fn expiry(until: Option<OffsetDateTime>) {
    let Some(until) = until else {
        return std::future::pending().await;
    };
    // By the clock and not by how long it was good, in case that is set.
    while let Ok(left) = Duration::try_from(until - muster_store::now())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(CLOCK)).await;
    }
}

fn last_event(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let revision = id.to_str().ok().and_then(|id| id.parse().ok());
    let revision = revision.filter(|revision| *revision <= MAX_REVISION);
    revision.map(Some).ok_or_else(|| {
        let title = "A header of the request cannot be read";
        Refused::new(StatusCode::BAD_REQUEST, "invalid-header", title)
            .detail("Last-Event-ID is no revision")
            .remedy("send the id of the last event that came, or leave it out")
    })
}

/// The streams that are open, by who has opened them.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

/// A stream is open until this is dropped.
pub(super) struct Place {
    streams: Streams,
    caller: String,
}

impl Streams {
    pub(super) fn take(&self, caller: &str) -> Answer<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = open.entry(caller.to_owned()).or_default();
        if *mine >= MAX_STREAMS {
            let title = "Too many streams are open";
            let refused = Refused::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", title);
            return Err(refused
                .detail(format!("you have {MAX_STREAMS} streams open"))
                .remedy("close one, or follow everything with a single one"));
        }
        *mine += 1;
        Ok(Place {
            streams: self.clone(),
            caller: caller.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = open.get_mut(&self.caller) {
            *mine -= 1;
            if *mine == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

/// Somebody who follows the log.
struct Follower {
    store: Store,
    revisions: Revisions,
    last: u64,
    only: Option<Vec<String>>,
    follow: bool,
    ready: VecDeque<sse::Event>,
    actor: Actor,
    _place: Place,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        futures::stream::unfold(self, |mut this| async move {
            let event = this.next().await?;
            Some((Ok(event), this))
        })
    }

    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.revisions.mark_unchanged();
            let part = self.store.change_since(self.last, PART).await;
            match part.inspect_err(|error| tracing::warn!(%error, "events cannot be read")) {
                Ok(Some(changes)) if changes.is_empty() => {
                    if !self.follow {
                        return None;
                    }
                    self.revisions.changed().await.ok()?;
                }
                Ok(Some(changes)) => {
                    self.last = changes.last().map_or(self.last, |last| last.revision);
                    // Asked anew each time: streams last, rights may not.
                    let rights = watching::rights_of(&self.store, &self.actor).await.ok()?;
                    let (only, actor) = (self.only.as_deref(), &self.actor);
                    let wanted = changes
                        .into_iter()
                        .filter(|change| only.is_none_or(|only| only.contains(&change.resource)))
                        .filter(|change| watching::may_see(actor, &rights, change));
                    self.ready.extend(wanted.filter_map(event));
                }
                Ok(None) => {
                    self.last = self.store.change_latest().await.ok()?;
                    let reset = Reset {
                        revision: self.last,
                    };
                    return named("reset", self.last, &reset);
                }
                Err(_) => return None,
            }
        }
    }
}

fn event(change: ChangeRecord) -> Option<sse::Event> {
    let event = Event {
        revision: change.revision,
        resource: change.resource,
        id: change.resource_id,
        kind: match change.kind {
            ChangeKind::Created => EventKind::Created,
            ChangeKind::Updated => EventKind::Updated,
            ChangeKind::Deleted => EventKind::Deleted,
        },
        at: change.at,
    };
    let name = format!("{}.{}", event.resource, event.kind.word());
    named(&name, event.revision, &event)
}

fn named(name: &str, revision: u64, data: &impl serde::Serialize) -> Option<sse::Event> {
    let event = sse::Event::default().event(name).id(revision.to_string());
    event.json_data(data).ok()
}
