//! `/api/v1/events`

use std::{collections::VecDeque, time::Duration};

use muster_api::events::{Event, Reset};
use reqwest::Response;
use serde::Serialize;

use super::{Client, ClientError, events::Events};

/// A stream has no end, but this client wants one for each request.
const FOR_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a host tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// Something changed.
    Event(Event),
    /// Changes were missed.
    Reset {
        /// From where on events follow.
        reset: Reset,
    },
}

/// The changes of a host as they come.
pub struct Changes<'a> {
    client: &'a Client,
    resource: Option<&'a str>,
    follow: bool,
    last: Option<u64>,
    stream: Option<(Response, Events)>,
    ready: VecDeque<Told>,
}

impl Client {
    /// The changes after a revision, of all resources or those that are named
    /// with commas between; and new ones as they come, if told.
    pub fn changes<'a>(
        &'a self,
        since: Option<u64>,
        resource: Option<&'a str>,
        follow: bool,
    ) -> Changes<'a> {
        Changes {
            client: self,
            resource,
            follow,
            last: since,
            stream: None,
            ready: VecDeque::new(),
        }
    }
}

impl Changes<'_> {
    /// The next change; `None` at the end, which a stream that is followed does
    /// not have. After an error, the next call connects again and goes on where
    /// the stream broke off.
    ///
    /// # Errors
    /// As of every call; transient if the stream broke off.
    pub async fn next(&mut self) -> Result<Option<Told>, ClientError> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                self.last = Some(match &told {
                    Told::Event(event) => event.revision,
                    Told::Reset { reset } => reset.revision,
                });
                return Ok(Some(told));
            }
            let (mut response, mut events) = match self.stream.take() {
                Some(stream) => stream,
                None => (self.open().await?, Events::default()),
            };
            let part = response.chunk().await;
            let part = part.map_err(|source| self.client.transport.unreachable(source))?;
            let Some(part) = part else {
                if !self.follow {
                    return Ok(None);
                }
                // The host ends a stream when it stops; the next attempt tells.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            for event in events.feed(&part) {
                let told = match event.name.as_str() {
                    "reset" => serde_json::from_str(&event.data).map(|reset| Told::Reset { reset }),
                    _ => serde_json::from_str(&event.data).map(Told::Event),
                };
                self.ready
                    .push_back(told.map_err(|error| ClientError::Malformed {
                        url: response.url().to_string(),
                        reason: error.to_string(),
                    })?);
            }
            self.stream = Some((response, events));
        }
    }

    async fn open(&self) -> Result<Response, ClientError> {
        let request = self
            .client
            .get(&["events"])
            .query(&[("follow", self.follow)])
            .query(&[("since", self.last)])
            .query(&[("resource", self.resource)])
            .timeout(FOR_DAYS);
        self.client.send(request).await
    }
}
