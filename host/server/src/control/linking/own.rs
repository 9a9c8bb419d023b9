//! What this host keeps of itself. All of a membership is one value, so that a
//! power failure leaves either all of it or nothing.

use muster_api::id::HostId;
use muster_identity::seal::Sealer;
use muster_peering::{
    Anchors, HostKey, Leaf,
    membership::{joiner, presence::Addresses},
};
use muster_store::{Reader, Store, StoreError, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ControlError, damaged};
use crate::peers::{
    state::News,
    words::{Happening, Whereabouts},
};

/// The setting that holds the host's private key.
const KEY: &str = "link.host-key";
/// The setting that holds [`Own`].
const OWN: &str = "link.own";
/// The setting that holds [`Lead`].
const LEAD: &str = "link.lead";
/// The setting that holds what the leader has told of the group.
const FOLLOWED: &str = "link.followed";
/// The setting that holds what the leader has not been told yet.
const MEANWHILE: &str = "link.meanwhile";
/// For what the authority with its key is sealed.
pub(super) const AUTHORITY: &str = "link.authority";
/// For what a link token is sealed, as long as this host asks with it.
pub(super) const TOKEN: &str = "link.token";

/// A host's own membership.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Own {
    /// Where it stands.
    pub(super) state: joiner::State,
    /// The link token, until it has been used, sealed.
    pub(super) token: Option<String>,
    /// This host's certificate as a member, PEM.
    pub(super) leaf: Option<String>,
    /// The authorities to trust, PEM.
    pub(super) anchors: Option<String>,
    /// The group.
    pub(super) cluster: Option<Uuid>,
    /// Where the leader is.
    pub(super) leader: Option<Whereabouts>,
    /// Where this host is.
    pub(super) addresses: Addresses,
    /// How the last membership ended, if somebody else ended it.
    pub(super) ended: Option<String>,
}

impl Own {
    /// Forgets what came with a membership. What the host is by itself stays.
    pub(super) fn forget(&mut self) {
        *self = Self {
            state: self.state,
            addresses: std::mem::take(&mut self.addresses),
            ended: self.ended.take(),
            ..Self::default()
        };
    }

    /// The certificate and whom it trusts.
    pub(super) fn papers(&self) -> Result<Option<(Leaf, Anchors)>, ControlError> {
        let (Some(leaf), Some(anchors)) = (&self.leaf, &self.anchors) else {
            return Ok(None);
        };
        let leaf = Leaf::from_pem(leaf).map_err(damaged)?;
        Ok(Some((leaf, Anchors::from_pem(anchors).map_err(damaged)?)))
    }
}

/// What a leader has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lead {
    /// The group.
    pub(super) cluster: Uuid,
    /// The certificate authority with its key, PEM, sealed.
    pub(super) authority: String,
    /// The leader's own certificate, PEM.
    pub(super) leaf: String,
}

/// The host's key, which it has for life.
pub(super) async fn key(store: &Store, sealer: &Sealer) -> Result<HostKey, ControlError> {
    if let Some(sealed) = store.setting_get::<String>(KEY).await? {
        let pem = sealer.open(KEY, &sealed)?;
        return HostKey::from_pem(pem.expose()).map_err(damaged);
    }
    let key = HostKey::generate().map_err(damaged)?;
    let pem = sealer.seal(KEY, &key.to_pem())?;
    store
        .write(move |tx| Box::pin(async move { tx.setting_put(KEY, &pem).await }))
        .await?;
    Ok(key)
}

/// The host's membership.
pub(super) async fn load(store: &Reader) -> Result<Own, StoreError> {
    Ok(store.setting_get(OWN).await?.unwrap_or_default())
}

/// Keeps the host's membership.
pub(super) async fn save(tx: &Tx, own: &Own) -> Result<(), StoreError> {
    tx.setting_put(OWN, own).await
}

/// What the host has as a leader.
pub(super) async fn lead(store: &Reader) -> Result<Option<Lead>, StoreError> {
    Ok(store.setting_get::<Option<Lead>>(LEAD).await?.flatten())
}

/// The state has gone elsewhere, and with it what the host has as a leader.
pub(crate) async fn forget_lead(store: &Store) -> Result<(), StoreError> {
    store
        .write(|tx| Box::pin(async move { save_lead(tx, None).await }))
        .await
}

/// Keeps what the host has as a leader; nothing when it leads no more.
pub(super) async fn save_lead(tx: &Tx, lead: Option<&Lead>) -> Result<(), StoreError> {
    tx.setting_put(LEAD, &lead).await
}

/// What the leader has told, as it is kept: settings may hold secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// Without the settings and the certificates.
    news: News,
    /// The settings, sealed.
    settings: String,
    /// The certificates, sealed.
    #[serde(default)]
    certificates: Option<String>,
}

impl Kept {
    pub(super) fn new(mut news: News, sealer: &Sealer) -> Result<Self, ControlError> {
        let settings = serde_json::to_string(&std::mem::take(&mut news.settings))
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let settings = sealer.seal(FOLLOWED, &settings)?;
        let certificates = serde_json::to_string(&std::mem::take(&mut news.certificates))
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let certificates = sealer.seal(FOLLOWED, &certificates)?;
        Ok(Self {
            news,
            settings,
            certificates: Some(certificates),
        })
    }
}

/// What the leader has told last.
pub(super) async fn followed(store: &Store, sealer: &Sealer) -> Result<Option<News>, ControlError> {
    // What an older version has kept is told anew.
    let kept = store.setting_get::<Option<Kept>>(FOLLOWED).await;
    let Some(Kept {
        mut news,
        settings,
        certificates,
    }) = kept.unwrap_or_default().flatten()
    else {
        return Ok(None);
    };
    let settings = sealer.open(FOLLOWED, &settings)?;
    news.settings = serde_json::from_str(settings.expose())
        .map_err(|error| ControlError::Internal(format!("{FOLLOWED} cannot be read: {error}")))?;
    if let Some(certificates) = certificates {
        let certificates = sealer.open(FOLLOWED, &certificates)?;
        news.certificates = serde_json::from_str(certificates.expose()).map_err(|error| {
            ControlError::Internal(format!("{FOLLOWED} cannot be read: {error}"))
        })?;
    }
    Ok(Some(news))
}

/// Keeps what the leader has told; nothing once there is none.
pub(super) async fn save_followed(tx: &Tx, kept: Option<&Kept>) -> Result<(), StoreError> {
    tx.setting_put(FOLLOWED, &kept).await
}

/// What the leader has not been told yet.
pub(super) async fn meanwhile(store: &Store) -> Result<Vec<Happening>, StoreError> {
    Ok(store.setting_get(MEANWHILE).await?.unwrap_or_default())
}

/// Keeps what the leader has not been told yet.
pub(super) async fn save_meanwhile(tx: &Tx, list: &[Happening]) -> Result<(), StoreError> {
    tx.setting_put(MEANWHILE, &list).await
}

/// The name of a host's id in the words of the certificates.
pub(super) fn uuid(host: HostId) -> Uuid {
    host.0
}
