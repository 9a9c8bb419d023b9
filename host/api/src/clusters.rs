//! Clusters: hosts of a group that run apps together, some of which share the
//! group's state, so that each of them can lead.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{blocks::FileEntry, hosts::HostState, id::HostId};

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cluster {
    /// Its name.
    #[schema(example = "north")]
    pub name: String,
    /// The hosts that share the group's state: each issues link tokens and accepts
    /// every change, and one of them leads.
    pub control_plane: Vec<ClusterHost>,
    /// The other hosts that run apps.
    pub workers: Vec<ClusterHost>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A host of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterHost {
    /// The host.
    pub id: HostId,
    /// Its name; its id if it is in the group no more.
    #[schema(example = "north-1")]
    pub name: String,
    /// Whether it leads.
    pub leads: bool,
    /// How it is; nothing if it is in the group no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// The version of Muster that it runs; nothing if it is in the group no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.1.0")]
    pub version: Option<String>,
}

/// A cluster to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCluster {
    /// Its name: lower-case letters, digits and inner hyphens.
    #[schema(example = "north")]
    pub name: String,
    /// The hosts that are to share the group's state, by name or id; the one that
    /// leads among them.
    #[schema(example = json!(["north-1", "north-2", "north-3"]))]
    pub control_plane: Vec<String>,
    /// The other hosts that are to run apps.
    #[serde(default)]
    #[schema(example = json!(["north-4"]))]
    pub workers: Vec<String>,
}

/// Which hosts a cluster is to have. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleCluster {
    /// All hosts that are to share the group's state.
    #[serde(default)]
    pub control_plane: Option<Vec<String>>,
    /// All other hosts that are to run apps.
    #[serde(default)]
    pub workers: Option<Vec<String>>,
}

/// How long a program has on a host until it is ready, unless told, in seconds.
pub const UPGRADE_PATIENCE: u32 = 180;

/// Which version of Muster the hosts of a cluster are to run: a program, that of a
/// bundle, or the one that they ran before. Just one of these is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeCluster {
    /// A program, whose blocks must have been uploaded. It becomes a bundle.
    #[serde(default)]
    pub program: Option<FileEntry>,
    /// The name of a bundle of the kind `release`.
    #[serde(default)]
    #[schema(example = "muster-0-2-0")]
    pub bundle: Option<String>,
    /// The programs that the hosts ran before the last upgrade.
    #[serde(default)]
    pub back: bool,
    /// How long the program has on each host until it is ready, in seconds; 180
    /// unless told.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 3600)]
    pub patience_seconds: Option<u32>,
}
