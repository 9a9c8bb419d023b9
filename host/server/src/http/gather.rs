//! Lines of one log from several hosts, the last ones or as they come.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::{http::HeaderMap, response::sse::Event};
use futures::{Stream, StreamExt, future::Either, stream};
use muster_api::logs::Line;
use serde::Serialize;

use super::{Api, reply::Answer};
use crate::{
    control::{error::ControlError, linking::Served},
    peers::logs::{Asked, Gathered, Wanted},
};

/// How many lines are asked for unless told.
const DEFAULT_TAIL: u32 = 100;
/// How many lines may be asked for.
pub(super) const MAX_TAIL: u32 = 10_000;

/// How many of the last lines are asked for.
pub(super) fn tail(asked: Option<u32>) -> Answer<usize> {
    let tail = asked.unwrap_or(DEFAULT_TAIL);
    if tail > MAX_TAIL {
        return Err(ControlError::invalid(
            "tail",
            format!("{tail} is out of bounds: 0 to {MAX_TAIL}"),
        )
        .into());
    }
    Ok(tail as usize)
}

/// After which of this host's lines to go on.
pub(super) fn last_seen(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get("last-event-id")?;
    id.to_str().ok()?.parse().ok()
}

/// A log, and of whom.
pub(super) struct Reading<W> {
    pub(super) wanted: W,
    pub(super) hosts: Asked,
    /// What lines of this host are told apart by, where there are others.
    pub(super) own: Option<String>,
    /// How many of the last lines.
    pub(super) tail: usize,
    /// How many of each other host: filters may leave few of many.
    pub(super) of_each: usize,
}

impl<W: Wanted> Reading<W> {
    fn here(&self, api: &Api) -> Option<Arc<Served>> {
        api.links.served().filter(|_| self.hosts.here)
    }

    /// This host's lines, all that are kept.
    fn own(&self, api: &Api) -> Vec<W::Line> {
        let here = self.here(api);
        let lines = here.map(|here| self.wanted.tail(&here));
        named(self.own.as_deref(), lines.unwrap_or_default())
    }

    /// The last lines, of all hosts that are asked.
    pub(super) async fn last(
        &self,
        api: &Api,
        takes: impl Fn(&W::Line) -> bool,
    ) -> Gathered<W::Line> {
        let own = self.own(api);
        self.last_with(api, own, takes).await
    }

    async fn last_with(
        &self,
        api: &Api,
        own: Vec<W::Line>,
        takes: impl Fn(&W::Line) -> bool,
    ) -> Gathered<W::Line> {
        let elsewhere = api
            .links
            .log_tail(&self.hosts.others, &self.wanted, self.of_each)
            .await;
        let mut lines = own;
        lines.extend(elsewhere.lines);
        lines.retain(takes);
        let mut lines = merged(lines);
        lines.drain(..lines.len().saturating_sub(self.tail));
        let mut gaps = self.hosts.gaps.clone();
        gaps.extend(elsewhere.gaps);
        Gathered { lines, gaps }
    }

    /// The last lines, or this host's after `last`, and then every new one. Only
    /// this host's have numbers to go on after; those of others go on with what
    /// is new.
    pub(super) async fn follow(
        self,
        api: Api,
        last: Option<u64>,
        takes: impl Fn(&W::Line) -> bool + Clone,
    ) -> impl Stream<Item = Result<Event, Infallible>> {
        let (first, begin) = match last {
            Some(last) => {
                let first = Gathered {
                    lines: Vec::new(),
                    gaps: self.hosts.gaps.clone(),
                };
                (first, last)
            }
            None => {
                let own = self.own(&api);
                let newest = own.last().map_or(0, Line::sequence);
                let mut first = self.last_with(&api, own, takes.clone()).await;
                // Those that do not answer are told as they are followed.
                first.gaps.clone_from(&self.hosts.gaps);
                (first, newest)
            }
        };
        let elsewhere = api.links.log_follow(self.hosts.others, &self.wanted);
        let own = self.own.clone();
        let rest = if self.hosts.here {
            let begin = (api.links.clone(), self.wanted, begin);
            let name = self.own.clone();
            Either::Left(stream::unfold(begin, move |(links, wanted, last)| {
                let name = name.clone();
                async move {
                    let lines = wanted.after(&*links.served()?, last).await?;
                    let last = lines.last().map_or(last, Line::sequence);
                    let gathered = Gathered {
                        lines: named(name.as_deref(), lines),
                        gaps: Vec::new(),
                    };
                    Some((gathered, (links, wanted, last)))
                }
            }))
        } else {
            Either::Right(stream::pending())
        };
        stream::iter([first])
            .chain(until_either_ends(rest, elsewhere))
            .flat_map(move |gathered| {
                let gaps = gathered.gaps.into_iter().map(|gap| event("missing", &gap));
                let lines = gathered.lines.into_iter().filter(takes.clone());
                let lines = lines.map(|line| {
                    let event = event("line", &line);
                    match line.host() == own.as_deref() {
                        true => event.id(line.sequence().to_string()),
                        false => event,
                    }
                });
                let events: Vec<_> = gaps.chain(lines).map(Ok).collect();
                stream::iter(events)
            })
    }
}

/// Lines of several hosts by time, where each host's stay in their order: that a
/// request has come is written down with its beginning, but after what was
/// written while it was served.
fn merged<L: Line>(lines: Vec<L>) -> Vec<L> {
    let mut latest = HashMap::new();
    let mut timed: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let host = line.host().map(str::to_owned);
            let latest = latest.entry(host).or_insert(line.time());
            *latest = line.time().max(*latest);
            (*latest, line)
        })
        .collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, line)| line).collect()
}

/// Says that lines are of a host.
fn named<L: Line>(host: Option<&str>, mut lines: Vec<L>) -> Vec<L> {
    for line in &mut lines {
        line.set_host(host);
    }
    lines
}

/// Both together, until the first one ends: once there is no more here, nobody has
/// more.
fn until_either_ends<T>(
    first: impl Stream<Item = T>,
    second: impl Stream<Item = T>,
) -> impl Stream<Item = T> {
    let first = first.map(Some).chain(stream::iter([None]));
    stream::select(first, second.map(Some))
        .take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    event
        .json_data(data)
        .unwrap_or_else(|_| Event::default().comment("this could not be written"))
}
