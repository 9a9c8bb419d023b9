//! What an operator has settled.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use muster_engine::plugin::balancing::{HashKey, Policy};

use super::proxy_protocol::Version;

/// By what a load balancer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How upstreams are chosen.
    pub policy: Policy,
    /// What a consistent hash goes by.
    pub hash_key: HashKey,
    /// How often a request is tried again that may be.
    pub retries: u32,
    /// How long an upstream may take until the head of its response.
    pub patience: Duration,
    /// Whose word on clients is believed.
    pub trusted: Vec<IpNet>,
    /// Whether these speak the PROXY protocol.
    pub accept_proxy: bool,
    /// Whether and how upstreams are told of clients by the PROXY protocol.
    pub send_proxy: Option<Version>,
    /// After how many failures in a row an upstream rests; 0 for never.
    pub failures: u32,
    /// How long it rests the first time.
    pub rest: Duration,
    /// How upstreams are asked how they are, if they are.
    pub check: Option<Check>,
    /// Whether who asks without TLS is sent to the same address with it.
    pub to_https: bool,
}

/// How an upstream is asked how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The path that is asked for.
    pub path: String,
    /// How often.
    pub every: Duration,
    /// How long the answer may take.
    pub patience: Duration,
    /// How many good answers in a row make it well.
    pub good: u32,
    /// How many bad ones in a row make it unwell.
    pub bad: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            policy: Policy::RoundRobin,
            hash_key: HashKey::ClientAddress,
            retries: 2,
            patience: Duration::from_secs(300),
            trusted: Vec::new(),
            accept_proxy: false,
            send_proxy: None,
            failures: 3,
            rest: Duration::from_secs(1),
            check: None,
            to_https: false,
        }
    }
}

impl Terms {
    /// Whether somebody's word on clients is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }
}
