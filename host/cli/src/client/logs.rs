//! `/api/v1/apps/{app}/logs` and `/api/v1/log`

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use muster_api::{
    logs::{Line, LogLine, LogQuery},
    page::Page,
    platform_log::{LogGap, PlatformLine, PlatformLog, PlatformLogQuery},
};
use reqwest::Response;
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{Client, ClientError, events::Events};

/// How many lines to look back over after a broken connection.
const CATCH_UP: u32 = 10_000;
/// A stream has no end, but this client wants one for each request.
const FOR_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// Which lines of a log are asked for.
pub trait Followable: Serialize + Clone {
    /// What the log consists of.
    type Line: Line + Serialize + DeserializeOwned + Clone;

    /// The same, going on with new lines; after so many of the last ones in place
    /// of those that were asked for.
    fn following(&self, tail: Option<u32>) -> Self;
}

impl Followable for LogQuery {
    type Line = LogLine;

    fn following(&self, tail: Option<u32>) -> Self {
        Self {
            follow: true,
            tail: tail.or(self.tail),
            ..self.clone()
        }
    }
}

impl Followable for PlatformLogQuery {
    type Line = PlatformLine;

    fn following(&self, tail: Option<u32>) -> Self {
        Self {
            follow: true,
            tail: tail.or(self.tail),
            ..self.clone()
        }
    }
}

/// What comes of a log that is followed.
#[derive(Debug)]
pub enum Heard<L> {
    /// A line.
    Line(L),
    /// Lines of a host are missing, or come again.
    Gap(LogGap),
}

/// The lines of a log as they come.
pub struct Follow<'a, Q: Followable> {
    client: &'a Client,
    path: Vec<String>,
    query: Q,
    stream: Option<(Response, Events)>,
    ready: VecDeque<Heard<Q::Line>>,
    /// The last line of each host.
    last: HashMap<Option<String>, Q::Line>,
    /// When the newest line was written before the connection broke.
    resumed: Option<OffsetDateTime>,
}

impl Client {
    /// The last lines of an app.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn logs(&self, app: &str, query: &LogQuery) -> Result<Page<LogLine>, ClientError> {
        self.call(self.get(&["apps", app, "logs"]).query(query))
            .await
    }

    /// The last lines of an app, then new ones as they come.
    pub fn follow_logs(&self, app: &str, query: LogQuery) -> Follow<'_, LogQuery> {
        self.follow(&["apps", app, "logs"], query)
    }

    /// The last lines of the hosts themselves.
    ///
    /// # Errors
    /// As of every call.
    pub async fn platform_log(&self, query: &PlatformLogQuery) -> Result<PlatformLog, ClientError> {
        self.call(self.get(&["log"]).query(query)).await
    }

    /// The last lines of the hosts themselves, then new ones as they come.
    pub fn follow_platform_log(&self, query: PlatformLogQuery) -> Follow<'_, PlatformLogQuery> {
        self.follow(&["log"], query)
    }

    fn follow<Q: Followable>(&self, path: &[&str], query: Q) -> Follow<'_, Q> {
        Follow {
            client: self,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query,
            stream: None,
            ready: VecDeque::new(),
            last: HashMap::new(),
            resumed: None,
        }
    }
}

impl<Q: Followable> Follow<'_, Q> {
    /// What comes next. After an error, the next call connects again and goes on
    /// where the stream broke off.
    ///
    /// # Errors
    /// As of every call; transient if the stream broke off.
    pub async fn next(&mut self) -> Result<Heard<Q::Line>, ClientError> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                if let Heard::Line(line) = &heard {
                    let host = line.host().map(str::to_owned);
                    self.last.insert(host, line.clone());
                }
                return Ok(heard);
            }
            let (mut response, mut events) = match self.stream.take() {
                Some(stream) => stream,
                None => (self.open().await?, Events::default()),
            };
            let part = response.chunk().await;
            let part = part.map_err(|source| self.client.transport.unreachable(source))?;
            let Some(part) = part else {
                // The host ends a stream when it stops, the token expires or the
                // app is deleted; the next attempt tells which.
                tokio::time::sleep(REOPEN_PAUSE).await;
                continue;
            };
            for event in events.feed(&part) {
                let malformed = |error: serde_json::Error| ClientError::Malformed {
                    url: response.url().to_string(),
                    reason: error.to_string(),
                };
                let read = &event.data;
                match event.name.as_str() {
                    "line" => {
                        let line = serde_json::from_str(read).map_err(malformed)?;
                        if !self.is_known(&line) {
                            self.ready.push_back(Heard::Line(line));
                        }
                    }
                    "missing" => {
                        let gap = serde_json::from_str(read).map_err(malformed)?;
                        self.ready.push_back(Heard::Gap(gap));
                    }
                    _ => {}
                }
            }
            self.stream = Some((response, events));
        }
    }

    async fn open(&mut self) -> Result<Response, ClientError> {
        self.resumed = self.last.values().map(Line::time).max();
        let tail = self.resumed.map(|_| CATCH_UP);
        let path: Vec<_> = self.path.iter().map(String::as_str).collect();
        let request = self.client.get(&path).query(&self.query.following(tail));
        self.client.send(request.timeout(FOR_DAYS)).await
    }

    /// Whether a line has been given before, or was not asked for when all began.
    /// Numbers begin anew when the host does, so a low number alone does not say
    /// so.
    fn is_known(&self, line: &Q::Line) -> bool {
        let Some(resumed) = self.resumed else {
            return false;
        };
        match self.last.get(&line.host().map(str::to_owned)) {
            Some(last) => line.sequence() <= last.sequence() && line.time() <= last.time(),
            None => line.time() <= resumed,
        }
    }
}
