//! What a leader tells its followers of the group, and they tell it of their
//! instances.

use std::{collections::BTreeMap, fmt};

use muster_api::{
    apps::InstanceState,
    blocks::Digest,
    id::{AppId, HostId, InstanceId},
};
use muster_peering::Pin;
use muster_store::{
    AppRecord, BundleRecord, DropletRecord, PlacementRecord, ReleaseRecord, RouteRecord,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

/// `POST /peer/v1/state`: a follower wants the group's state, once it differs
/// from the one that it has.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateAsked {
    /// The digest of the state that it has.
    pub(crate) have: Option<String>,
    /// Whether it is a load balancer, which needs the group's certificates.
    #[serde(default)]
    pub(crate) balances: bool,
}

/// The answer to [`StateAsked`].
#[derive(Serialize, Deserialize)]
pub(crate) struct StateTold {
    /// Nothing if there was no news for a while.
    pub(crate) news: Option<News>,
}

/// A state that the follower does not have.
#[derive(Serialize, Deserialize)]
pub(crate) struct News {
    pub(crate) digest: String,
    pub(crate) state: GroupState,
    /// The content that every host of the group is to have.
    #[serde(default)]
    pub(crate) bundles: Vec<BundleRecord>,
    /// The settings that count on every host of the group.
    #[serde(default)]
    pub(crate) settings: GroupSettings,
    /// The certificates of load balancers, with their keys; none for others.
    #[serde(default)]
    pub(crate) certificates: Vec<CertificateTold>,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateTold {
    pub(crate) name: String,
    /// It and those that vouch for it, as PEM.
    pub(crate) chain: String,
    /// Its private key, as PEM.
    pub(crate) key: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
}

impl fmt::Debug for CertificateTold {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateTold")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The sections of the configuration that the leader has set for its group, with
/// their secrets. A section that is missing is its defaults.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct GroupSettings(pub(crate) BTreeMap<String, Value>);

impl GroupSettings {
    /// By which hosts compare theirs.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Digest::from_bytes(&Sha256::digest(&text).into()).to_string()
    }
}

impl fmt::Debug for GroupSettings {
    /// Without the values, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What should run in a group and what does: all that a host needs to go on
/// without its leader.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct GroupState {
    /// The hosts, the leader first.
    pub(crate) hosts: Vec<Neighbour>,
    /// Which of them may lead.
    #[serde(default)]
    pub(crate) control: Vec<HostId>,
    /// The apps.
    pub(crate) apps: Vec<AppRecord>,
    /// Their current and next releases.
    pub(crate) releases: Vec<(ReleaseRecord, DropletRecord)>,
    /// The routes.
    pub(crate) routes: Vec<RouteRecord>,
    /// Which host runs which instance.
    pub(crate) placements: Vec<PlacementRecord>,
    /// The instances that serve, on whatever host.
    pub(crate) serving: Vec<Serving>,
    /// By which hosts requests come in.
    #[serde(default)]
    pub(crate) entrances: Entrances,
}

/// By which hosts requests come into the group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entrances {
    /// The hosts that route requests.
    pub(crate) routers: Vec<Entrance>,
    /// The hosts that spread requests over them.
    pub(crate) balancers: Vec<Entrance>,
}

/// A host by which requests come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entrance {
    pub(crate) host: HostId,
    pub(crate) name: String,
    /// Where its apps are reached, as `host:port`, the best first.
    pub(crate) apps: Vec<String>,
    /// Where its peers reach it, as `host:port`, the best first.
    pub(crate) addresses: Vec<String>,
    /// Whether somebody wants it to get nothing new.
    pub(crate) draining: bool,
}

/// A host of the group, as the others have to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    pub(crate) id: HostId,
    pub(crate) name: String,
    /// The hash of its public key.
    pub(crate) fingerprint: Pin,
    /// As `host:port`, the best first.
    pub(crate) addresses: Vec<String>,
}

/// An instance that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) host: HostId,
    pub(crate) id: InstanceId,
    pub(crate) app: AppId,
    pub(crate) release: u64,
    pub(crate) index: u32,
}

/// An instance, as its host tells the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceReport {
    pub(crate) id: InstanceId,
    pub(crate) app: AppId,
    pub(crate) release: u64,
    pub(crate) index: u32,
    pub(crate) state: InstanceState,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) since: OffsetDateTime,
    pub(crate) reason: Option<String>,
}
