//! What a client asks of hosts that are linked, or are to be.

use muster_api::{
    hosts::LinkedHost,
    links::{Link, LinkToken, LinkTokenSecret},
    page::Page,
};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{
    client::Client,
    host::{Host, HostOptions, free_address},
};

/// A host with a port for peers of its own, and more in its environment.
///
/// # Panics
/// If it does not start.
pub async fn host_with_peers(env: &[(&str, &str)]) -> (Host, Client) {
    let peers = free_address().to_string();
    let all = [("MUSTER_PEERS", peers.as_str())].into_iter();
    let all = all.chain(env.iter().copied());
    let host = Host::start_with(HostOptions {
        env: all
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    (host, client)
}

/// The same by that name.
///
/// # Panics
/// If it does not start.
pub async fn named_host(name: &str) -> (Host, Client) {
    host_with_peers(&[("MUSTER_NAME", name)]).await
}

impl Client {
    /// How the host is linked.
    ///
    /// # Panics
    /// If it does not say.
    pub async fn link(&self) -> Link {
        self.get("/link").await
    }

    /// The hosts of the group that the host leads, itself among them.
    ///
    /// # Panics
    /// If it does not say.
    pub async fn hosts(&self) -> Vec<LinkedHost> {
        let page: Page<LinkedHost> = self.get("/hosts?limit=500").await;
        page.items
    }

    /// A host of the group that the host leads, by name, if there is one.
    ///
    /// # Panics
    /// If it does not say.
    pub async fn linked_host(&self, name: &str) -> Option<LinkedHost> {
        let all = self.hosts().await;
        all.into_iter().find(|host| host.name == name)
    }

    /// The link tokens that the host has given out.
    ///
    /// # Panics
    /// If it does not say.
    pub async fn link_tokens(&self) -> Vec<LinkToken> {
        let page: Page<LinkToken> = self.get("/link-tokens?limit=500").await;
        page.items
    }

    /// A new link token; the first one makes the host a leader.
    ///
    /// # Panics
    /// If it makes none.
    pub async fn link_token(&self) -> LinkTokenSecret {
        self.send(Method::POST, "/link-tokens", &json!({})).await
    }

    /// The request to join with a link token.
    pub fn joining(&self, token: &str) -> RequestBuilder {
        self.request(Method::POST, "/link/actions/join")
            .json(&json!({ "token": token }))
    }

    /// Links the host to that of the token.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn join(&self, token: &str) -> Link {
        let join = json!({ "token": token });
        self.send(Method::POST, "/link/actions/join", &join).await
    }

    /// Takes the host out of its group.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn leave(&self) -> Link {
        self.send(Method::POST, "/link/actions/leave", &json!({}))
            .await
    }
}
