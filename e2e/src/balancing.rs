//! A group with a load balancer in front of its routers.

use std::net::SocketAddr;

use muster_api::load_balancer::{LoadBalancerStatus, UpstreamState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::Client,
    eventually::eventually,
    host::{Host, client_builder, free_address},
    links::{host_with_peers, named_host},
};

/// A host that is a load balancer, linked to a leader.
pub struct Edge {
    /// The host.
    pub host: Host,
    /// A client of its API.
    pub client: Client,
    /// Where it listens.
    pub plain: SocketAddr,
    /// Where it listens for TLS.
    pub tls: SocketAddr,
}

impl Edge {
    /// Starts a host of that name and links it as a load balancer.
    ///
    /// # Panics
    /// If it does not start or is refused.
    pub async fn start(name: &str, leader: &Client) -> Self {
        let (plain, tls) = (free_address(), free_address());
        let (host, client) = host_with_peers(&[
            ("MUSTER_NAME", name),
            ("MUSTER_BALANCER", &plain.to_string()),
            ("MUSTER_BALANCER_TLS", &tls.to_string()),
        ])
        .await;
        let wanted = json!({ "roles": ["load-balancer"] });
        let token: muster_api::links::LinkTokenSecret =
            leader.send(Method::POST, "/link-tokens", &wanted).await;
        client.join(&token.token).await;
        Self {
            host,
            client,
            plain,
            tls,
        }
    }

    /// What it says of itself and its routers.
    ///
    /// # Panics
    /// If it does not say.
    pub async fn status(&self) -> LoadBalancerStatus {
        self.client.get("/load-balancer").await
    }

    /// Waits until it knows these routers, by name and in order, all in a state.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn knows(&self, names: &[&str], state: UpstreamState) {
        let what = format!("{names:?} are {state:?}");
        eventually(&what, async || {
            let mut upstreams = self.status().await.upstreams;
            upstreams.sort_by(|a, b| a.name.cmp(&b.name));
            let known: Vec<_> = upstreams.iter().map(|it| it.name.as_str()).collect();
            (known == names && upstreams.iter().all(|it| it.state == state)).then_some(())
        })
        .await;
    }

    /// Waits until one router is in a state.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn sees(&self, name: &str, state: UpstreamState) {
        eventually(&format!("{name} is {state:?}"), async || {
            let upstreams = self.status().await.upstreams;
            let found = upstreams.iter().find(|it| it.name == name)?;
            (found.state == state).then_some(())
        })
        .await;
    }
}

/// A leader and a follower that route, and a load balancer in front of them.
///
/// # Panics
/// If they do not start or link.
pub async fn balanced_group() -> ((Host, Client), (Host, Client), Edge) {
    let (north, leader) = named_host("north").await;
    let (south, follower) = named_host("south").await;
    let token = leader.link_token().await;
    follower.join(&token.token).await;
    let edge = Edge::start("edge", &leader).await;
    edge.knows(&["north", "south"], UpstreamState::Up).await;
    ((north, leader), (south, follower), edge)
}

impl Client {
    /// Sets the section `load-balancer`, with what is left out as by default.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn set_balancing(&self, values: Value) {
        let _: Value = self
            .send(Method::PUT, "/config/load-balancer", &values)
            .await;
    }
}

/// A client that asks for a name by TLS at that address, in a new connection
/// each time. Whom it believes is the caller's to say.
pub fn tls_client(name: &str, at: SocketAddr) -> reqwest::ClientBuilder {
    client_builder()
        .retry(reqwest::retry::never())
        .resolve(name, at)
        .pool_max_idle_per_host(0)
        .tls_info(true)
}
