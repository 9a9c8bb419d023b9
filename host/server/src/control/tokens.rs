//! Signed tokens, and the keys that sign them. Keys are kept in the database
//! and rotate; tokens of the key before stay good until they expire.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use muster_api::{
    config::{management::Management, tokens::Tokens as Settings},
    tokens::SigningKey,
};
use muster_identity::{
    keyring::{KeyRecord, KeyRing, KeyRingError, TokenError, Verified},
    seal::Sealer,
};
use muster_store::{ChangeKind, SigningKeyRecord, Store};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    config::Config,
    error::ControlError,
    record::{Actor, Change, record},
    sealing,
};

/// How often it is looked whether keys are due.
const LOOK: Duration = Duration::from_secs(600);

const WRONG_TOKEN: &str = "the access token is missing, wrong or expired";
const EXPIRED: &str =
    "the access token has expired, by the clock of the host that leads; log in again";
const NOT_YET: &str = "the access token is not good yet, by the clock of the host that leads, which was ahead when the token was made; log in again";

/// Signs and checks tokens. Clones share the keys.
#[derive(Clone)]
pub(crate) struct Tokens {
    store: Store,
    config: Config,
    sealer: Sealer,
    ring: Arc<ArcSwap<KeyRing>>,
    /// Where the API listens.
    url: Arc<str>,
}

impl Tokens {
    /// Reads the keys, and makes the first one. `url` is where the API listens.
    pub(crate) async fn open(
        store: Store,
        config: Config,
        sealer: Sealer,
        url: &str,
    ) -> Result<Self, ControlError> {
        let ring = load(&store, &config, &sealer, url).await?;
        let this = Self {
            store,
            config,
            sealer,
            ring: Arc::new(ArcSwap::from_pointee(ring)),
            url: url.into(),
        };
        this.rotate_if_due().await?;
        Ok(this)
    }

    /// What is settled about tokens.
    pub(crate) fn settings(&self) -> Settings {
        self.config.get()
    }

    /// Who tokens are from.
    pub(crate) fn issuer(&self) -> String {
        issuer(&self.config, &self.url)
    }

    pub(crate) fn sign<T: Serialize>(
        &self,
        audience: &str,
        life: Duration,
        claims: &T,
    ) -> Result<String, ControlError> {
        let now = muster_store::now();
        self.ring
            .load()
            .sign(audience, life, now, claims)
            .map_err(|error| failed(&error))
    }

    /// What a token says, if it is good for that audience.
    pub(crate) fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<Verified<T>, ControlError> {
        let found = self
            .ring
            .load()
            .verify(token, audience, muster_store::now());
        found.map_err(|error: TokenError| {
            tracing::debug!(%error, "a token was refused");
            // Whose signature is good may hear what else is wrong.
            ControlError::Unauthorized(match error {
                TokenError::Expired => EXPIRED,
                TokenError::NotYet => NOT_YET,
                _ => WRONG_TOKEN,
            })
        })
    }

    /// The keys with which others can check tokens, as a JWK set (RFC 7517).
    pub(crate) fn published(&self) -> Value {
        self.ring.load().jwks(muster_store::now())
    }

    /// Makes a new signing key. Tokens that are signed already stay good.
    pub(crate) async fn rotate(&self, actor: &Actor) -> Result<SigningKey, ControlError> {
        let rotation = self
            .ring
            .load()
            .rotate(muster_store::now())
            .map_err(|error| failed(&error))?;
        let (actor, sealer) = (actor.clone(), self.sealer.clone());
        let made = view(kept(&rotation.new, &sealer)?);
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    for key in rotation.retired.iter().chain([&rotation.new]) {
                        tx.signing_key_put(&kept(key, &sealer)?).await?;
                    }
                    for id in &rotation.over {
                        tx.signing_key_delete(id).await?;
                    }
                    let change = Change {
                        resource: "signing-key",
                        project: None,
                        id: rotation.new.kid.clone(),
                        name: &rotation.new.kid,
                        verb: "rotate",
                        kind: ChangeKind::Created,
                        before: None,
                        after: None,
                    };
                    Ok::<_, ControlError>(record(tx, &actor, change).await?)
                })
            })
            .await?;
        self.reload().await?;
        Ok(made)
    }

    /// The keys that tokens are signed with, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<SigningKey>, ControlError> {
        let keys = self.store.signing_key_list().await?;
        Ok(keys.into_iter().map(view).collect())
    }

    async fn rotate_if_due(&self) -> Result<(), ControlError> {
        if self.ring.load().rotation_due(muster_store::now()) {
            self.rotate(&Actor::host("muster")).await?;
        }
        Ok(())
    }

    async fn reload(&self) -> Result<(), ControlError> {
        let mut ring = load(&self.store, &self.config, &self.sealer, &self.url).await?;
        if self.settings().issuer.is_none() {
            // A new address is no reason to refuse what was signed a moment ago.
            ring.also_from(self.ring.load().issuers());
        }
        self.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Takes over what is configured, and rotates keys when they are due, until
    /// the host stops.
    pub(crate) async fn keep_up(self, ending: CancellationToken) {
        let mut changes = self.config.changes();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                _ = changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            let done = match self.reload().await {
                Ok(()) => self.rotate_if_due().await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::error!(%error, "the signing keys cannot be looked after; trying again later");
            }
        }
    }
}

/// Who tokens are from: `url` is where the API listens.
fn issuer(config: &Config, url: &str) -> String {
    let told = config.get::<Settings>().issuer;
    let told = told.or_else(|| config.get::<Management>().public_url);
    told.unwrap_or_else(|| url.to_owned())
}

async fn load(
    store: &Store,
    config: &Config,
    sealer: &Sealer,
    url: &str,
) -> Result<KeyRing, ControlError> {
    let records = store.signing_key_list().await?;
    let records = records
        .into_iter()
        .map(|key| known(key, sealer))
        .collect::<Result<Vec<_>, _>>()?;
    let settings = Settings {
        issuer: Some(issuer(config, url)),
        ..config.get()
    };
    KeyRing::new(&records, &settings).map_err(|error| failed(&error))
}

fn view(key: SigningKeyRecord) -> SigningKey {
    SigningKey {
        id: key.id,
        algorithm: key.algorithm,
        created_at: key.created_at,
        ends_at: key.ends_at,
    }
}

fn failed(error: &KeyRingError) -> ControlError {
    ControlError::Internal(error.to_string())
}

fn known(key: SigningKeyRecord, sealer: &Sealer) -> Result<KeyRecord, ControlError> {
    let algorithm = Value::String(key.algorithm);
    let pem = sealer.open(&sealing::of_signing_key(&key.id), &key.pem)?;
    Ok(KeyRecord {
        algorithm: serde_json::from_value(algorithm)
            .map_err(|error| ControlError::Internal(format!("signing key {}: {error}", key.id)))?,
        kid: key.id,
        pem,
        created_at: key.created_at,
        retired_at: key.retired_at,
        not_after: key.ends_at,
    })
}

fn kept(key: &KeyRecord, sealer: &Sealer) -> Result<SigningKeyRecord, ControlError> {
    Ok(SigningKeyRecord {
        id: key.kid.clone(),
        algorithm: key.algorithm.to_string(),
        pem: sealer.seal(&sealing::of_signing_key(&key.kid), key.pem.expose())?,
        created_at: key.created_at,
        retired_at: key.retired_at,
        ends_at: key.not_after,
    })
}
