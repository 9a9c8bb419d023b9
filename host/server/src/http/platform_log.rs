//! `/log`

use axum::{
    Extension, Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{KeepAlive, Sse},
    },
};
use futures::StreamExt;
use muster_api::{
    hosts::NODE_HEADER,
    platform_log::{PlatformLine, PlatformLog, PlatformLogQuery},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    events::expiry,
    gather::{self, Reading},
    reply::{Answer, Params},
};
use crate::peers::{calls::Delegate, logs::OfHosts};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(platform_log_tail))
}

/// Show the last lines that the hosts of the group and their roles have logged;
/// with `follow=true`, go on with new ones as server-sent events.
///
/// Each host keeps its last 8 MiB of lines in memory, of what its level lets
/// through, and answers for itself; a host that does not answer is told as
/// missing. In a stream, an event `line` has a `PlatformLine`, and an event
/// `missing` a `LogGap`, which comes without a reason once the host answers
/// again. `Last-Event-ID` goes on after a line of the host that is asked. The
/// stream ends when the access token expires that opened it. A follower has its
/// own lines alone.
#[utoipa::path(get, path = "/log", tag = "logs", params(PlatformLogQuery), responses(
    (status = 200, content((PlatformLog = "application/json"), (String = "text/event-stream"))),
    (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such host in the group"),
))]
async fn platform_log_tail(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PlatformLogQuery>,
    carried: Option<Extension<Delegate>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let tail = gather::tail(query.tail)?;
    let names: Vec<_> = query.hosts().collect();
    let mut hosts = api.links.log_hosts(&names).await?;
    if carried.is_some() || headers.contains_key(NODE_HEADER) {
        // This host was meant, and no other.
        hosts.others.clear();
        hosts.gaps.clear();
    }
    let follow = query.follow;
    let reading = Reading {
        wanted: OfHosts { query },
        hosts,
        own: Some(api.host.name.get()),
        tail,
        of_each: tail,
    };
    let all = |_: &PlatformLine| true;
    if !follow {
        let gathered = reading.last(&api, all).await;
        let log = PlatformLog {
            items: gathered.lines,
            missing: gathered.gaps,
        };
        return Ok(Json(log).into_response());
    }
    let place = api.streams.take(&actor.name)?;
    let last = gather::last_seen(&headers);
    let (ending, until) = (api.ending.clone(), actor.until);
    let stream = reading.follow(api, last, all).await;
    let stream = stream.take_until(async move {
        let _place = place;
        tokio::select! {
            () = ending.cancelled() => {}
            () = expiry(until) => {}
        }
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}
