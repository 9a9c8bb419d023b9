//! The API from the other side: one method per call, a file per resource.

mod access;
mod apps;
mod audit;
mod backups;
mod block_storage;
mod blocks;
mod bundles;
mod certificates;
mod changes;
mod clusters;
mod config;
mod connect;
mod credentials;
mod data;
mod error;
mod events;
mod factors;
mod identities;
mod jobs;
mod keys;
mod links;
mod load_balancer;
mod logging;
mod logs;
mod ports;
mod projects;
mod queues;
mod quotas;
mod retry;
mod roles;
mod routes;
mod sign_ups;
mod status;
mod terms;
#[cfg(test)]
mod tests;
mod tokens;
mod transport;
mod users;

use std::time::Duration;

use muster_api::{hosts::NODE_HEADER, page::Page};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use self::credentials::Credentials;
pub use self::{
    apps::{AppAction, Change},
    changes::{Changes, Told},
    clusters::ClusterChange,
    connect::{connect, login_command},
    credentials::local_key,
    error::ClientError,
    logs::{Follow, Followable, Heard},
    retry::{Patience, patiently},
    transport::Transport,
};

/// How many items of a list one call asks for: the most that the API gives.
const PAGE: &str = "500";

/// The header by which the host knows a request again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How long to ask for an answer that was lost: about half a minute, in which a
/// host that ended is back.
const PATIENCE: Patience = Patience {
    attempts: 7,
    pause: Duration::from_millis(500),
};

/// A host that this person is logged in to.
pub struct Client {
    transport: Transport,
    credentials: Credentials,
    /// The host of the group that is to answer; the one that is asked unless told.
    node: Option<String>,
}

impl Client {
    /// A client for a host, with what shows who is asking.
    fn new(transport: Transport, credentials: Credentials) -> Self {
        Self {
            transport,
            credentials,
            node: None,
        }
    }

    /// The same client, whose calls another host of the group answers.
    pub fn of_node(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.transport.request(Method::GET, path)
    }

    /// A request of any method. A `POST` gets a key by which the host knows it
    /// again, so that it can be sent twice and is carried out once.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let keyed = method == Method::POST;
        let request = self.transport.request(method, path);
        if keyed {
            request.header(IDEMPOTENCY_KEY, Uuid::new_v4().to_string())
        } else {
            request
        }
    }

    fn post<T: Serialize + ?Sized>(&self, path: &[&str], body: &T) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        self.surely(request, async |request| self.send_once(request).await)
            .await
    }

    /// Makes a call; again if the connection broke off before the answer was
    /// whole and the host knows the request by its key.
    async fn surely<T>(
        &self,
        request: RequestBuilder,
        call: impl AsyncFn(RequestBuilder) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let again = request.try_clone().filter(has_key);
        match (call(request).await, again) {
            (Err(error), Some(again)) if error.is_answer_lost() => {
                patiently(PATIENCE, async || match again.try_clone() {
                    Some(again) => call(again).await,
                    None => Err(ClientError::Interrupted),
                })
                .await
            }
            (result, _) => result,
        }
    }

    /// Sends with the access token; once more with a new one if it is refused.
    async fn send_once(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let token = self.credentials.access(&self.transport).await?;
        let request = match &self.node {
            Some(node) => request.header(NODE_HEADER, node),
            None => request,
        };
        let again = request.try_clone();
        let response = self.transport.send(request.bearer_auth(&token)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.transport.check(response).await;
        }
        let token = self.credentials.renew(&self.transport, &token).await?;
        let Some(again) = again else {
            return self.transport.check(response).await;
        };
        let response = self.transport.send(again.bearer_auth(&token)).await?;
        self.transport.check(response).await
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        self.surely(request, async |request| {
            let response = self.send_once(request).await?;
            self.transport.json(response).await
        })
        .await
    }

    /// All items of a list, page after page.
    async fn list<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Page<T>, ClientError> {
        self.list_where(path, &[]).await
    }

    /// All items of a list that a filter lets through, page after page.
    async fn list_where<T: DeserializeOwned>(
        &self,
        path: &[&str],
        filter: &[(&str, String)],
    ) -> Result<Page<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.get(path).query(&[("limit", PAGE)]).query(filter);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page: Page<T> = self.call(request).await?;
            items.extend(page.items);
            // A cursor that does not move would go round for ever.
            if page.next.is_none() || page.next == cursor {
                return Ok(Page { items, next: None });
            }
            cursor = page.next;
        }
    }
}

fn has_key(request: &RequestBuilder) -> bool {
    let built = request.try_clone().map(RequestBuilder::build);
    built.is_some_and(|built| {
        built.is_ok_and(|request| request.headers().contains_key(IDEMPOTENCY_KEY))
    })
}
