//! `/api/v1/apps/{app}/logs`

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use muster_api::{
    logs::{LogLine, LogQuery},
    page::Page,
};
use reqwest::Response;

use super::{Client, ClientError, events::Events};

/// How many lines to look back over after a broken connection.
const CATCH_UP: u32 = 10_000;
/// A stream has no end, but this client wants one for each request.
const FOR_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The lines of an app as they come.
pub struct Follow<'a> {
    client: &'a Client,
    app: &'a str,
    query: LogQuery,
    stream: Option<(Response, Events)>,
    ready: VecDeque<LogLine>,
    /// The last line of each host.
    last: HashMap<Option<String>, LogLine>,
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
    pub fn follow_logs<'a>(&'a self, app: &'a str, query: LogQuery) -> Follow<'a> {
        Follow {
            client: self,
            app,
            query,
            stream: None,
            ready: VecDeque::new(),
            last: HashMap::new(),
        }
    }
}

impl Follow<'_> {
    /// The next line. After an error, the next call connects again and goes on
    /// where the stream broke off.
    ///
    /// # Errors
    /// As of every call; transient if the stream broke off.
    pub async fn next(&mut self) -> Result<LogLine, ClientError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.last.insert(line.host.clone(), line.clone());
                return Ok(line);
            }
            let (mut response, mut events) = match self.stream.take() {
                Some(stream) => stream,
                None => (self.open().await?, Events::default()),
            };
            let part = response.chunk().await;
            let part = part.map_err(|source| self.client.transport.unreachable(source))?;
            let Some(part) = part else {
                // The host ends a stream when it stops or the app is deleted;
                // the next attempt tells which.
                tokio::time::sleep(REOPEN_PAUSE).await;
                continue;
            };
            for event in events
                .feed(&part)
                .into_iter()
                .filter(|event| event.name == "line")
            {
                let line =
                    serde_json::from_str(&event.data).map_err(|error| ClientError::Malformed {
                        url: response.url().to_string(),
                        reason: error.to_string(),
                    })?;
                if !self.is_known(&line) {
                    self.ready.push_back(line);
                }
            }
            self.stream = Some((response, events));
        }
    }

    async fn open(&self) -> Result<Response, ClientError> {
        let mut query = LogQuery {
            follow: true,
            ..self.query.clone()
        };
        if !self.last.is_empty() {
            query.tail = Some(CATCH_UP);
        }
        let request = self.client.get(&["apps", self.app, "logs"]);
        let request = request.query(&query).timeout(FOR_DAYS);
        self.client.send(request).await
    }

    /// Whether a line has been given before. Numbers begin anew when the host
    /// does, so a low number alone does not say so.
    fn is_known(&self, line: &LogLine) -> bool {
        self.last
            .get(&line.host)
            .is_some_and(|last| line.sequence <= last.sequence && line.time <= last.time)
    }
}
