//! The hosts of a group, as the leader knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{bundles::ContentProgress, id::HostId, units::ByteSize};

/// The header that has a leader carry a call to another host of its group, which
/// it names: `muster --node NAME` sends it.
pub const NODE_HEADER: &str = "muster-node";

/// How Muster is installed on a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostMode {
    /// The machine is Muster's alone.
    Appliance,
    /// Muster is a guest on an operating system that somebody else looks after.
    #[default]
    Agent,
}

/// What a host says of itself, with each heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The version of Muster.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// How Muster is installed there.
    pub mode: HostMode,
    /// Its operating system.
    #[schema(example = "debian 12")]
    pub os: String,
    /// Where its peers reach it, as `host:port`, the best first.
    pub addresses: Vec<String>,
    /// How often its addresses have changed.
    pub generation: u64,
    /// Where load balancers reach the apps behind its router, as `host:port`, the
    /// best first; nothing as long as it routes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// The roles that it plays, beside those that every host has.
    pub roles: Vec<String>,
    /// What it can give to instances.
    #[serde(default)]
    pub capacity: Capacity,
    /// What it shares a fate with: a rack, a room, a power line. Instances of
    /// one app are spread over zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "room-1")]
    pub zone: Option<String>,
    /// What apps may ask of the host that runs them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How many instances run there.
    pub workloads: u32,
    /// What it has of the group's content.
    #[serde(default)]
    pub content: ContentProgress,
    /// Which of its leader's settings count there, as a digest of them; nothing
    /// before it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// What to add to its clock to have the leader's, in milliseconds. It is
    /// shown so that somebody sets it; nothing depends on it.
    pub clock_offset_ms: i64,
}

/// What a host can give to instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capacity {
    /// Memory.
    pub memory: ByteSize,
    /// CPU, in thousandths of a core.
    #[schema(example = 4000)]
    pub cpu: u64,
    /// Disk.
    pub disk: ByteSize,
}

/// What a host is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostStanding {
    /// It keeps the group's state, and gives out link tokens.
    Leader,
    /// It shares the group's state, and follows the one that leads at the moment.
    ControlPlane,
    /// It follows the leader.
    Follower,
}

/// How a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// It was let in and has not confirmed yet.
    Joining,
    /// It is there, and has nothing to do.
    Ready,
    /// It is there, and runs something.
    InUse,
    /// Its connections ended three seconds ago, or nothing was heard of it for ten.
    /// What ran there is placed anew after ten.
    Unreachable,
}

/// Whether the leader's settings count on a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// Those that the leader has now.
    Current,
    /// Earlier ones.
    Earlier,
    /// None of them, or nobody knows.
    #[default]
    None,
}

/// One host of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedHost {
    /// The host, for life.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// What it is to the others.
    pub standing: HostStanding,
    /// How it is.
    pub state: HostState,
    /// Whether it is drained: what it runs moves to others, and it gets nothing
    /// new.
    #[serde(default)]
    pub draining: bool,
    /// Whether the leader's settings count there.
    #[serde(default)]
    pub applied: Applied,
    /// What it says of itself.
    #[serde(flatten)]
    pub about: About,
    /// The SHA-256 of its public key, by which the others recognise it.
    pub fingerprint: String,
    /// When it was linked.
    #[serde(with = "time::serde::rfc3339")]
    pub linked_at: OffsetDateTime,
    /// When something was heard of it last.
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    /// When its newest certificate ends, unless it is renewed before, which
    /// happens by itself.
    #[serde(with = "time::serde::rfc3339")]
    pub certificate_not_after: OffsetDateTime,
}

/// How a host is taken out of its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RemoveQuery {
    /// The host is lost: take it out although it runs something, or cannot be
    /// told.
    #[serde(default)]
    pub force: bool,
}
