//! The state that several hosts share: where it is, what seals its secrets and where
//! the bus is of those hosts, as a host keeps them, and the connection to it.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_bus::BusUrl;
use muster_identity::seal::Sealer;
use muster_store::{DatabaseUrl, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::{
    control::{error::ControlError, state::State},
    peers::sharing::Share,
};

/// The setting of a host that holds [`Kept`], and for what its parts are sealed.
pub(super) const SHARED: &str = "state.shared";
/// The setting of a shared state that only its own key opens.
const SEAL: &str = "state.seal";
/// What is sealed there.
const WORD: &str = "muster";

/// What a host keeps of the state that it shares.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Where it is, sealed: there is a password in it.
    url: String,
    /// The key that seals its secrets, in base64, sealed, unless it is the host's
    /// own.
    key: Option<String>,
    /// Where the bus is of those who share it, sealed, unless it is in process.
    #[serde(default)]
    bus: Option<String>,
}

/// A state that several hosts share.
pub(super) struct Shared {
    url: DatabaseUrl,
    /// The key that seals its secrets.
    key: Vec<u8>,
    sealer: Sealer,
    /// The bus of those who share it, as the host that leads has told.
    bus: Option<BusUrl>,
    store: Arc<OnceCell<Store>>,
}

impl Shared {
    /// The state that this host shares, if it does: as it was started, or as it has
    /// kept.
    ///
    /// # Errors
    /// If it is to share one for the first time and cannot.
    pub(super) async fn find(
        own: &State,
        database: Option<DatabaseUrl>,
    ) -> Result<Option<Self>, ControlError> {
        let kept = own
            .store
            .setting_get::<Option<Kept>>(SHARED)
            .await?
            .flatten();
        let (url, key, bus) = match (&database, &kept) {
            (None, None) => return Ok(None),
            (_, Some(kept)) => {
                let known = own.sealer.open(SHARED, &kept.url)?;
                let known = known.expose().parse().map_err(damaged)?;
                let url = database.clone().unwrap_or(known);
                (url, opened(own, kept)?, bus_of(own, kept)?)
            }
            (Some(url), None) => (url.clone(), own.key.to_vec(), None),
        };
        let shared = Self::new(url, key, bus)?;
        if database.is_some() {
            if kept.is_none() {
                nothing_is_left_behind(own).await?;
                shared.store().await?;
            }
            shared.keep(own, kept.and_then(|kept| kept.key)).await?;
        }
        Ok(Some(shared))
    }

    fn new(url: DatabaseUrl, key: Vec<u8>, bus: Option<BusUrl>) -> Result<Self, ControlError> {
        let sealer = Sealer::new(&key).ok_or_else(|| damaged("the key is of no use"))?;
        Ok(Self {
            url,
            key,
            sealer,
            bus,
            store: Arc::default(),
        })
    }

    async fn keep(&self, own: &State, key: Option<String>) -> Result<(), ControlError> {
        let bus = self.bus.as_ref().map(BusUrl::reveal);
        let kept = Kept {
            url: own.sealer.seal(SHARED, &self.url.reveal())?,
            key,
            bus: bus.map(|url| own.sealer.seal(SHARED, &url)).transpose()?,
        };
        own.store
            .write(move |tx| Box::pin(async move { tx.setting_put(SHARED, &Some(kept)).await }))
            .await?;
        Ok(())
    }

    /// What another host has to know to share it, by a host that is on that bus.
    pub(super) fn for_others(&self, bus: Option<&BusUrl>) -> Share {
        Share {
            url: self.url.reveal(),
            key: BASE64_STANDARD.encode(&self.key),
            bus: bus.map(BusUrl::reveal),
        }
    }

    /// Whether that is this state.
    pub(super) fn is(&self, share: &Share) -> bool {
        let ours = self.for_others(None);
        (ours.url, ours.key) == (share.url.clone(), share.key.clone())
    }

    /// The bus of those who share it.
    pub(super) fn bus(&self) -> Option<&BusUrl> {
        self.bus.as_ref()
    }

    /// The same state with the bus that was told, if that is another one.
    pub(super) async fn on_bus(
        &self,
        own: &State,
        share: &Share,
    ) -> Result<Option<Self>, ControlError> {
        let bus = told_bus(share)?;
        if bus == self.bus {
            return Ok(None);
        }
        let kept = own.store.setting_get::<Option<Kept>>(SHARED).await?;
        let next = Self {
            url: self.url.clone(),
            key: self.key.clone(),
            sealer: self.sealer.clone(),
            bus,
            store: Arc::clone(&self.store),
        };
        let key = kept.flatten().and_then(|kept| kept.key);
        next.keep(own, key).await?;
        Ok(Some(next))
    }

    /// Shares a state from now on.
    ///
    /// # Errors
    /// If it cannot be reached, or is that of others.
    pub(super) async fn begin(own: &State, share: &Share) -> Result<Self, ControlError> {
        let key = BASE64_STANDARD.decode(&share.key).unwrap_or_default();
        let url = share.url.parse().map_err(damaged)?;
        let shared = Self::new(url, key, told_bus(share)?)?;
        shared.store().await?;
        let sealed = own.sealer.seal(SHARED, &share.key)?;
        shared.keep(own, Some(sealed)).await?;
        Ok(shared)
    }

    /// Keeps that the host's state is in that database by now, sealed with the
    /// host's own key.
    pub(super) async fn adopt(own: &State, url: DatabaseUrl) -> Result<(), ControlError> {
        let shared = Self::new(url, own.key.to_vec(), None)?;
        shared.store().await?.close().await?;
        shared.keep(own, None).await
    }

    /// Where it is, without the password.
    pub(super) fn place(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Shares nothing from now on.
    pub(super) async fn end(own: &State) -> Result<(), ControlError> {
        own.store
            .write(|tx| Box::pin(async move { tx.setting_put(SHARED, &None::<Kept>).await }))
            .await?;
        Ok(())
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }

    /// The database, once it was reached.
    ///
    /// # Errors
    /// If it cannot be reached, or holds the state of others.
    pub(super) async fn store(&self) -> Result<Store, ControlError> {
        let store = self
            .store
            .get_or_try_init(async || {
                let store = Store::connect(&self.url).await?;
                self.is_ours(&store).await?;
                Ok::<_, ControlError>(store)
            })
            .await?;
        Ok(store.clone())
    }

    /// Whether its secrets are sealed with the key that this host has. The first
    /// one to come settles that.
    async fn is_ours(&self, store: &Store) -> Result<(), ControlError> {
        let sealed = self.sealer.seal(SEAL, WORD)?;
        let found = store
            .write(move |tx| {
                Box::pin(async move {
                    let found = tx.setting_get::<String>(SEAL).await?;
                    if found.is_none() {
                        tx.setting_put(SEAL, &sealed).await?;
                    }
                    Ok(found)
                })
            })
            .await?;
        match found.map(|sealed| self.sealer.open(SEAL, &sealed)) {
            Some(Err(_)) => Err(ControlError::Conflict {
                code: "state-of-others",
                message: format!("the database {} holds the state of another group", self.url),
                remedy: "name another database, or link this host to that group and make it a control-plane host".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) async fn close(&self) {
        if let Some(store) = self.store.get()
            && let Err(error) = store.close().await
        {
            tracing::debug!(%error, "the shared database was not closed in order");
        }
    }
}

/// That a host has no state of its own which nobody would see any more.
async fn nothing_is_left_behind(own: &State) -> Result<(), ControlError> {
    if own.store.user_count().await? == 0 {
        return Ok(());
    }
    Err(ControlError::Conflict {
        code: "state-elsewhere",
        message: "this host has a state of its own in its data directory".to_owned(),
        remedy: "start it without --database-url and carry the state over with: muster state move --to URL".to_owned(),
    })
}

fn opened(own: &State, kept: &Kept) -> Result<Vec<u8>, ControlError> {
    let Some(key) = &kept.key else {
        return Ok(own.key.to_vec());
    };
    let key = own.sealer.open(SHARED, key)?;
    Ok(BASE64_STANDARD.decode(key.expose()).unwrap_or_default())
}

/// The bus that a host has kept.
fn bus_of(own: &State, kept: &Kept) -> Result<Option<BusUrl>, ControlError> {
    let Some(bus) = &kept.bus else {
        return Ok(None);
    };
    let url = own.sealer.open(SHARED, bus)?;
    url.expose().parse().map(Some).map_err(damaged)
}

/// The bus that a host is told.
fn told_bus(share: &Share) -> Result<Option<BusUrl>, ControlError> {
    let url = share.bus.as_deref().map(str::parse);
    url.transpose().map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> ControlError {
    ControlError::Store(StoreError::Damaged(format!(
        "what is kept of the shared state cannot be used: {error}"
    )))
}
