//! The log lines of an app from all hosts: whoever runs instances of it has
//! some, and whoever routes to it has those of requests.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State, http::StatusCode};
use futures::{
    Stream, StreamExt,
    stream::{self, FuturesUnordered},
};
use muster_api::{id::AppId, logs::LogLine};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{Connection, Patience, WORDS_ALPN, call, state::Neighbour};
use crate::{
    control::linking::{Links, Part},
    logs::Logs,
};

/// How long a question for lines after one waits for some.
const NEWS: Duration = Duration::from_secs(10);
/// How long to wait before a host is asked again that did not answer.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a host may take that is asked for its last lines: who asks waits for
/// all of them.
const PROMPT: Patience = Patience {
    whole: Duration::from_secs(3),
    answer: 64 << 20,
};

/// `POST /peer/v1/log`: the leader wants an app's lines.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LogAsked {
    pub(crate) app: AppId,
    /// The app's name, for the lines.
    pub(crate) name: String,
    /// How many of the last lines; nothing with `after`.
    pub(crate) tail: usize,
    /// Wait for lines after this one.
    pub(crate) after: Option<u64>,
}

/// The answer to [`LogAsked`].
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct LogTold {
    pub(crate) lines: Vec<LogLine>,
    /// The number of the newest line, here or before.
    pub(crate) newest: u64,
}

/// Tells the leader an app's lines.
pub(super) async fn told(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<LogAsked>,
) -> Result<Json<LogTold>, StatusCode> {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let (Some(served), true) = (links.served(), leads) else {
        return Err(StatusCode::FORBIDDEN);
    };
    Ok(Json(read(&served.logs, &asked).await))
}

async fn read(logs: &Logs, asked: &LogAsked) -> LogTold {
    let log = logs.app(&asked.app.to_string());
    let Some(after) = asked.after else {
        let all = log.tail(&asked.name, asked.tail.max(1));
        let newest = all.last().map_or(0, |line| line.sequence);
        let skip = all.len().saturating_sub(asked.tail);
        let lines = all.into_iter().skip(skip).collect();
        return LogTold { lines, newest };
    };
    let lines = timeout(NEWS, log.after(&asked.name, after)).await;
    let lines = lines.ok().flatten().unwrap_or_default();
    LogTold {
        newest: lines.last().map_or(after, |line| line.sequence),
        lines,
    }
}

impl Links {
    /// The last lines of an app on other hosts, of each as many as it has.
    pub(crate) async fn log_tail(&self, (app, name): (AppId, &str), tail: usize) -> Vec<LogLine> {
        let asked = LogAsked {
            app,
            name: name.to_owned(),
            tail,
            after: None,
        };
        let hosts = self.followers().await;
        let mut answers: FuturesUnordered<_> = hosts
            .iter()
            .map(|host| self.log_of(host, &asked, PROMPT))
            .collect();
        let mut lines = Vec::new();
        while let Some(told) = answers.next().await {
            lines.extend(told.unwrap_or_default().lines);
        }
        lines
    }

    /// New lines of an app on other hosts, as they come.
    pub(crate) async fn log_follow(
        &self,
        (app, name): (AppId, &str),
    ) -> impl Stream<Item = Vec<LogLine>> + use<> {
        let hosts = self.followers().await;
        let streams = hosts.into_iter().map(|host| {
            let asked = LogAsked {
                app,
                name: name.to_owned(),
                tail: 0,
                after: None,
            };
            let begin = (self.clone(), Arc::new(host), asked);
            Box::pin(stream::unfold(begin, async |(links, host, mut asked)| {
                loop {
                    let patience = match asked.after {
                        None => PROMPT,
                        Some(_) => Patience {
                            whole: NEWS * 2,
                            ..PROMPT
                        },
                    };
                    match links.log_of(&host, &asked, patience).await {
                        Some(told) => {
                            asked.after = Some(told.newest);
                            if !told.lines.is_empty() {
                                return Some((told.lines, (links, host, asked)));
                            }
                        }
                        None => tokio::time::sleep(PAUSE).await,
                    }
                }
            }))
        });
        stream::select_all(streams)
    }

    async fn followers(&self) -> Vec<Neighbour> {
        match self.part().await {
            Ok(Part::Leads(members)) => members
                .into_iter()
                .filter(|member| !member.lost)
                .map(|member| member.neighbour)
                .collect(),
            _ => Vec::new(),
        }
    }

    async fn log_of(
        &self,
        host: &Neighbour,
        asked: &LogAsked,
        patience: Patience,
    ) -> Option<LogTold> {
        let config = self.dialling(host, WORDS_ALPN).ok()?;
        let asked = asked.clone();
        let told = call::<_, LogTold>(&host.addresses, config, "/peer/v1/log", patience, |_| asked);
        let (mut told, _) = told.await.ok()?;
        for line in &mut told.lines {
            line.host = Some(host.name.clone());
        }
        Some(told)
    }
}
