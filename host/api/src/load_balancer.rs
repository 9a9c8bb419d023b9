//! The load balancer of a host: its pool, and how each router in it does.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{config::load_balancer::Policy, id::HostId};

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoadBalancerStatus {
    /// The host that it is on.
    #[schema(example = "edge-1")]
    pub host: String,
    /// Where it listens; nothing as long as it cannot, or nobody plays the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.0.0.0:80")]
    pub address: Option<String>,
    /// Where it listens for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.0.0.0:443")]
    pub tls_address: Option<String>,
    /// How the router of a request is chosen.
    pub policy: Policy,
    /// Whether it is being drained: it still serves, but asks clients to connect
    /// anew and tells who checks it to look elsewhere.
    pub draining: bool,
    /// The routers that it knows.
    pub upstreams: Vec<Upstream>,
}

/// How a router does, as a load balancer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamState {
    /// It gets requests.
    Up,
    /// It has failed several in a row and rests.
    Resting,
    /// Checks find it unwell.
    Down,
    /// Its host is drained: it gets nothing new.
    Draining,
    /// It cannot be reached from this host at all.
    OutOfReach,
}

/// A router, as a load balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upstream {
    /// Its host.
    pub host: HostId,
    /// Its host's name.
    #[schema(example = "north")]
    pub name: String,
    /// Where it is reached, as `host:port`, the best first.
    pub addresses: Vec<String>,
    /// Its share among the others.
    pub weight: u32,
    /// How it does.
    pub state: UpstreamState,
    /// How many requests it has under way from this load balancer.
    pub in_flight: u32,
    /// How many it has answered.
    pub served: u64,
    /// How many it has failed.
    pub failed: u64,
    /// What went wrong last, be it long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "the check got the status 503")]
    pub last_failure: Option<String>,
    /// When it last went wrong.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_failure_at: Option<OffsetDateTime>,
}
