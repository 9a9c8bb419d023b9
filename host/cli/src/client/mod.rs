//! The API from the other side: one method per call, a file per resource.

mod apps;
mod audit;
mod blocks;
mod connect;
mod credentials;
mod error;
mod events;
mod jobs;
mod logging;
mod logs;
mod retry;
mod roles;
mod routes;
mod status;
#[cfg(test)]
mod tests;
mod tokens;
mod transport;

use muster_api::page::Page;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use self::credentials::Credentials;
pub use self::{
    apps::AppAction,
    connect::{connect, login_command},
    error::ClientError,
    retry::{Patience, patiently},
    transport::Transport,
};

/// How many items of a list one call asks for: the most that the API gives.
const PAGE: &str = "500";

/// A host that this person is logged in to.
pub struct Client {
    transport: Transport,
    credentials: Credentials,
}

impl Client {
    /// A client for a host, with what shows who is asking.
    fn new(transport: Transport, credentials: Credentials) -> Self {
        Self {
            transport,
            credentials,
        }
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.transport.request(Method::GET, path)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.transport.request(method, path)
    }

    fn post<T: Serialize + ?Sized>(&self, path: &[&str], body: &T) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Sends with the access token; once more with a new one if it is refused.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let token = self.credentials.access(&self.transport).await?;
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
        let response = self.send(request).await?;
        self.transport.json(response).await
    }

    /// All items of a list, page after page.
    async fn list<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Page<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.get(path).query(&[("limit", PAGE)]);
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
