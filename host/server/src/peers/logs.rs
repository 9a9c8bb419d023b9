//! Log lines from all hosts. Those of an app: whoever runs instances of it has
//! some, and whoever routes to it has those of requests, and has counted them. And
//! those of the hosts themselves.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State, http::StatusCode};
use futures::{
    Stream, StreamExt,
    stream::{self, FuturesUnordered},
};
use muster_api::{
    id::AppId,
    logs::{Line, LogLine},
    platform_log::{LogGap, PlatformLine, PlatformLogQuery},
};
use muster_logging::Recent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{CallError, Connection, Patience, WORDS_ALPN, call, state::Neighbour};
use crate::{
    control::{
        error::ControlError,
        linking::{Links, Member, Part, Served, one_called},
    },
    requests::Tally,
};

/// How long a question for lines after one waits for some.
const NEWS: Duration = Duration::from_secs(10);
/// How long to wait before a host is asked again that did not answer.
const PAUSE: Duration = Duration::from_secs(2);
/// How long new lines of a host itself are gathered before they are given: to
/// give them may make further ones.
const BREATH: Duration = Duration::from_millis(200);
/// How long a host may take that is asked for its last lines: who asks waits for
/// all of them.
const PROMPT: Patience = Patience {
    whole: Duration::from_secs(3),
    answer: 64 << 20,
};

/// A log that every host has a part of.
pub(crate) trait Wanted:
    Clone + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its lines.
    type Line: Line + Serialize + DeserializeOwned + Send + 'static;
    /// Where peers are asked for it.
    const PATH: &'static str;

    /// All lines that are kept on this host, oldest first.
    fn tail(&self, here: &Served) -> Vec<Self::Line>;

    /// The lines of this host after that number; waits until there are any. `None`
    /// if there will be none.
    fn after(
        &self,
        here: &Served,
        sequence: u64,
    ) -> impl Future<Output = Option<Vec<Self::Line>>> + Send;
}

/// The log of an app.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OfApp {
    pub(crate) app: AppId,
    /// The app's name, for the lines.
    pub(crate) name: String,
}

impl Wanted for OfApp {
    type Line = LogLine;
    const PATH: &'static str = "/peer/v1/log";

    fn tail(&self, here: &Served) -> Vec<LogLine> {
        let log = here.logs.app(&self.app.to_string());
        log.tail(&self.name, usize::MAX)
    }

    async fn after(&self, here: &Served, sequence: u64) -> Option<Vec<LogLine>> {
        let log = here.logs.app(&self.app.to_string());
        log.after(&self.name, sequence).await
    }
}

/// What became of an app's requests. There is nothing to wait for: who wants to know
/// asks again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OfRequests {
    pub(crate) app: AppId,
}

impl Wanted for OfRequests {
    type Line = Tally;
    const PATH: &'static str = "/peer/v1/requests";

    fn tail(&self, here: &Served) -> Vec<Tally> {
        here.logs.app(&self.app.to_string()).requests()
    }

    async fn after(&self, _: &Served, _: u64) -> Option<Vec<Tally>> {
        None
    }
}

/// What hosts say themselves, as far as it is asked for.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OfHosts {
    pub(crate) query: PlatformLogQuery,
}

impl Wanted for OfHosts {
    type Line = PlatformLine;
    const PATH: &'static str = "/peer/v1/platform-log";

    fn tail(&self, here: &Served) -> Vec<PlatformLine> {
        let mut lines = here.recent.tail();
        lines.retain(|line| self.query.takes(line));
        lines
    }

    async fn after(&self, here: &Served, mut sequence: u64) -> Option<Vec<PlatformLine>> {
        let recent: &Recent = &here.recent;
        loop {
            // Not read before the pause: what comes in it is given at once.
            recent.after(sequence).await?;
            tokio::time::sleep(BREATH).await;
            let mut lines = recent.after(sequence).await?;
            sequence = lines.last().map_or(sequence, |line| line.sequence);
            lines.retain(|line| self.query.takes(line));
            if !lines.is_empty() {
                return Some(lines);
            }
        }
    }
}

/// The leader wants lines.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LogAsked<W> {
    pub(crate) wanted: W,
    /// How many of the last lines; nothing with `after`.
    pub(crate) tail: usize,
    /// Wait for lines after this one.
    pub(crate) after: Option<u64>,
}

/// The answer to [`LogAsked`].
#[derive(Serialize, Deserialize)]
pub(crate) struct LogTold<L> {
    pub(crate) lines: Vec<L>,
    /// The number of the newest line, here or before.
    pub(crate) newest: u64,
}

/// Lines of other hosts, and what is missing of them.
pub(crate) struct Gathered<L> {
    pub(crate) lines: Vec<L>,
    pub(crate) gaps: Vec<LogGap>,
}

/// Tells the leader lines of this host.
pub(super) async fn told<W: Wanted>(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<LogAsked<W>>,
) -> Result<Json<LogTold<W::Line>>, StatusCode> {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let (Some(served), true) = (links.served(), leads) else {
        return Err(StatusCode::FORBIDDEN);
    };
    Ok(Json(read(&served, &asked).await))
}

async fn read<W: Wanted>(here: &Served, asked: &LogAsked<W>) -> LogTold<W::Line> {
    let Some(after) = asked.after else {
        let mut lines = asked.wanted.tail(here);
        let newest = lines.last().map_or(0, Line::sequence);
        lines.drain(..lines.len().saturating_sub(asked.tail));
        return LogTold { lines, newest };
    };
    let lines = timeout(NEWS, asked.wanted.after(here, after)).await;
    let lines = lines.ok().flatten().unwrap_or_default();
    LogTold {
        newest: lines.last().map_or(after, Line::sequence),
        lines,
    }
}

/// Which hosts are asked: this one, and followers.
pub(crate) struct Asked {
    pub(crate) here: bool,
    pub(crate) others: Vec<Member>,
    /// Hosts that cannot be asked from here.
    pub(crate) gaps: Vec<LogGap>,
}

impl Links {
    /// The hosts of the group that have these names or ids; all of them if none is
    /// named.
    ///
    /// # Errors
    /// If there is no such host, or several have a name.
    pub(crate) async fn log_hosts(&self, names: &[&str]) -> Result<Asked, ControlError> {
        let (mut others, mut gaps) = (Vec::new(), Vec::new());
        match self.part().await? {
            Part::Alone => {}
            Part::Leads(members) => others = members,
            Part::Follows(followed) => {
                let myself = self.myself().id;
                let rest = followed.state.hosts.iter().filter(|host| host.id != myself);
                gaps = rest
                    .map(|host| (host.id, gap(&host.name, "only the leader asks other hosts")))
                    .collect();
            }
        }
        let myself = self.myself();
        let mut chosen = HashSet::new();
        for name in names {
            let here = [(myself.id, myself.name.as_str())].into_iter();
            let all = here
                .chain(
                    others
                        .iter()
                        .map(|it| (it.neighbour.id, it.neighbour.name.as_str())),
                )
                .chain(gaps.iter().map(|(id, gap)| (*id, gap.host.as_str())));
            let (id, _) = one_called(name, all, |(id, known)| (known, *id))?;
            chosen.insert(id);
        }
        let wanted = |id| names.is_empty() || chosen.contains(&id);
        others.retain(|it| wanted(it.neighbour.id));
        gaps.retain(|(id, _)| wanted(*id));
        Ok(Asked {
            here: wanted(myself.id),
            others,
            gaps: gaps.into_iter().map(|(_, gap)| gap).collect(),
        })
    }

    /// The last lines of other hosts, of each at most so many.
    pub(crate) async fn log_tail<W: Wanted>(
        &self,
        hosts: &[Member],
        wanted: &W,
        tail: usize,
    ) -> Gathered<W::Line> {
        let asked = LogAsked {
            wanted: wanted.clone(),
            tail,
            after: None,
        };
        let (mut lines, mut gaps) = (Vec::new(), Vec::new());
        let (lost, there): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host.lost);
        gaps.extend(
            lost.into_iter()
                .map(|host| gap(&host.neighbour.name, "nothing is heard of it")),
        );
        let mut answers: FuturesUnordered<_> = there
            .into_iter()
            .map(|host| {
                let told = self.log_of(&host.neighbour, &asked, PROMPT);
                async move { (host, told.await) }
            })
            .collect();
        while let Some((host, told)) = answers.next().await {
            match told {
                Ok(told) => lines.extend(told.lines),
                Err(error) => gaps.push(gap(&host.neighbour.name, error)),
            }
        }
        gaps.sort_by(|one, other| one.host.cmp(&other.host));
        Gathered { lines, gaps }
    }

    /// New lines of other hosts, as they come. A host that does not answer is told
    /// once, and once more when it does.
    pub(crate) fn log_follow<W: Wanted>(
        &self,
        hosts: Vec<Member>,
        wanted: &W,
    ) -> impl Stream<Item = Gathered<W::Line>> + use<W> {
        let streams = hosts.into_iter().map(|host| {
            let asked = LogAsked {
                wanted: wanted.clone(),
                tail: 0,
                after: None,
            };
            let begin = (self.clone(), Arc::new(host.neighbour), asked, false);
            Box::pin(stream::unfold(
                begin,
                async |(links, host, mut asked, mut missing)| {
                    loop {
                        let patience = match asked.after {
                            None => PROMPT,
                            Some(_) => Patience {
                                whole: NEWS * 2,
                                ..PROMPT
                            },
                        };
                        let (mut lines, mut gaps) = (Vec::new(), Vec::new());
                        match links.log_of(&host, &asked, patience).await {
                            Ok(told) => {
                                asked.after = Some(told.newest);
                                lines = told.lines;
                                if missing {
                                    gaps.push(LogGap {
                                        host: host.name.clone(),
                                        reason: None,
                                    });
                                }
                                missing = false;
                            }
                            Err(error) if !missing => {
                                gaps.push(gap(&host.name, error));
                                missing = true;
                            }
                            Err(_) => tokio::time::sleep(PAUSE).await,
                        }
                        if !lines.is_empty() || !gaps.is_empty() {
                            let gathered = Gathered { lines, gaps };
                            return Some((gathered, (links, host, asked, missing)));
                        }
                    }
                },
            ))
        });
        stream::select_all(streams)
    }

    async fn log_of<W: Wanted>(
        &self,
        host: &Neighbour,
        asked: &LogAsked<W>,
        patience: Patience,
    ) -> Result<LogTold<W::Line>, CallError> {
        let config = self.dialling(host, WORDS_ALPN);
        let config = config.map_err(|error| CallError::Answer(error.to_string()))?;
        let asked = asked.clone();
        let told =
            call::<_, LogTold<W::Line>>(&host.addresses, config, W::PATH, patience, |_| asked);
        let (mut told, _) = told.await?;
        for line in &mut told.lines {
            line.set_host(Some(&host.name));
        }
        Ok(told)
    }
}

fn gap(host: &str, reason: impl ToString) -> LogGap {
    LogGap {
        host: host.to_owned(),
        reason: Some(reason.to_string()),
    }
}
