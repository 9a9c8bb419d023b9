//! What the host is and how it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{id::HostId, roles::Role};

/// What this host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Info {
    /// Its id, for life.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Where it is about to move, as `host:port`, so that others look for it there,
    /// too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_addresses: Vec<String>,
    /// Muster's version.
    pub version: String,
    /// The wasmtime version that runs apps.
    pub engine: String,
    /// Where API and console listen.
    pub management: String,
    /// Where apps are reached.
    pub apps: String,
    /// The domain under which apps without a route of their own are reached.
    pub app_domain: String,
    /// Roles that run here.
    pub roles: Vec<String>,
    /// Roles that could run here.
    pub available: Vec<String>,
    /// Roles that run on other hosts of the group, with the hosts' names. Only
    /// the leader knows.
    #[serde(default)]
    pub elsewhere: BTreeMap<String, Vec<String>>,
    /// Interfaces that apps may import, as `namespace:package/interface@version`.
    pub offered: Vec<String>,
}

/// Changes what this host is called, or where it is about to move. What is left
/// out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InfoChange {
    /// Another name, which it keeps through restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "edge-7")]
    pub name: Option<String>,
    /// Where it is about to move: IP addresses, with the port for peers unless
    /// they have another. The other hosts look for it there, too; nothing when it
    /// has arrived, or stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["192.0.2.7:7444"]))]
    pub next_addresses: Option<Vec<String>>,
}

/// How this host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The host's name.
    pub host: String,
    /// Whether every role does its job and all that this host answers for serves.
    pub ready: bool,
    /// Seconds since the host started.
    pub uptime_seconds: u64,
    /// The roles.
    pub roles: Vec<Role>,
    /// Number of apps.
    pub apps: u32,
    /// Instances that serve.
    pub running: u32,
    /// Instances that should serve.
    pub desired: u32,
    /// What needs attention, a line each.
    pub attention: Vec<String>,
}
