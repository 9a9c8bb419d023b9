//! Access keys: what programs show in place of a password. A key acts for the
//! user who made it and never may more than they may at that moment.

mod checks;
mod local;
mod networks;
mod tokens;
mod traces;

use self::{
    checks::{check, granted, only_itself, require_key, rights_of, user_named},
    traces::{changed, state, view},
};
use std::sync::Arc;

use muster_api::{
    id::UserId,
    keys::{AccessKey, KeyQuery, KeyRotation, KeyState, KeyWithSecret, NewKey},
    page::{Page, PageQuery},
    plan::Plan,
    units::Millis,
};
use muster_identity::secret::{self, Issued, Kind};
use muster_store::{AccessKeyRecord, Reader, Store, StoreError, Tx};
use time::{Duration, OffsetDateTime};

pub(crate) use self::tokens::KeyClaims;
use super::{
    error::ControlError, factors::Factors, record::Actor, terms::Terms, tokens::Tokens,
    views::page_limit,
};
use crate::data_dir::DataDir;

/// The most keys of one user, the ended ones among them.
const MAX_KEYS: u32 = 200;
/// The longest time for which an old secret stays good.
const MAX_OVERLAP: Millis = Millis(7 * 86_400_000);
/// The longest time for which a key lasts that ends by itself.
const MAX_LIFE: Millis = Millis(3_650 * 86_400_000);

/// The access keys of everybody.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) factors: Factors,
    pub(crate) dir: Arc<DataDir>,
    /// Where the host's API listens, for whoever is on this machine.
    pub(crate) url: String,
}

/// Whose keys an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of whoever asks.
    Own,
    /// Those of everybody.
    Everybodys,
}

impl Keys {
    /// The keys of whoever asks, oldest first.
    pub(crate) async fn list_own(&self, actor: &Actor) -> Result<Page<AccessKey>, ControlError> {
        let user = actor.person()?;
        let mut found = self
            .store
            .access_key_list(Some(user), None, MAX_KEYS)
            .await?
            .items;
        found.sort_by_key(|key| key.created_at);
        let items = found
            .into_iter()
            .map(|key| view(key, Some(actor.name.clone())))
            .collect();
        Ok(Page { items, next: None })
    }

    /// One page of everybody's keys, by id.
    pub(crate) async fn list(
        &self,
        query: &KeyQuery,
        page: &PageQuery,
    ) -> Result<Page<AccessKey>, ControlError> {
        let user = match &query.user {
            Some(name) => Some(user_named(&self.store, name).await?),
            None => None,
        };
        let limit = page_limit(page)?;
        let found = self
            .store
            .access_key_list(user, page.cursor.as_deref(), limit)
            .await?;
        let mut items = Vec::with_capacity(found.items.len());
        for key in found.items {
            items.push(self.shown(&self.store, key).await?);
        }
        Ok(Page {
            items,
            next: found.next,
        })
    }

    /// One key.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        id: &str,
        whose: Whose,
    ) -> Result<(AccessKeyRecord, AccessKey), ControlError> {
        let key = require_key(&self.store, actor, id, whose).await?;
        if whose == Whose::Own {
            only_itself(actor, id)?;
        }
        let shown = self.shown(&self.store, key.clone()).await?;
        Ok((key, shown))
    }

    /// Makes a key for whoever asks.
    pub(crate) async fn create(
        &self,
        actor: &Actor,
        new: NewKey,
    ) -> Result<KeyWithSecret, ControlError> {
        let networks = check(&new)?;
        let scopes = granted(actor, new.scopes)?;
        let owner = self.factors.prove_or_recent(actor, &new.proof).await;
        let user = owner.map_err(|error| error.within("proof"))?.id;
        let now = muster_store::now();
        let Issued { text, digest } = secret::issue(Kind::AccessKey);
        let key = AccessKeyRecord {
            id: new_id(),
            user: Some(user),
            name: new.name.trim().to_owned(),
            secret_hash: digest,
            previous: None,
            scopes,
            networks,
            internal: false,
            created_at: now,
            rotated_at: now,
            expires_at: new.expires_in.map(|life| later(now, life)),
            revoked_at: None,
            last_used_at: None,
            last_used_from: None,
        };
        let (actor, kept) = (actor.clone(), key.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    make_room(tx, user).await?;
                    tx.access_key_insert(&kept).await?;
                    changed(tx, &actor, None, &kept, "create").await
                })
            })
            .await?;
        Ok(KeyWithSecret {
            key: self.shown(&self.store, key).await?,
            secret: text.expose().to_owned(),
        })
    }

    /// Gives a key a new secret.
    pub(crate) async fn rotate(
        &self,
        actor: &Actor,
        id: &str,
        how: KeyRotation,
        whose: Whose,
    ) -> Result<KeyWithSecret, ControlError> {
        let overlap = how.overlap.unwrap_or(Millis(0));
        if overlap > MAX_OVERLAP {
            return Err(ControlError::invalid("overlap", "7d at most"));
        }
        let Issued { text, digest } = secret::issue(Kind::AccessKey);
        let (this, asks, id) = (self.clone(), actor.clone(), id.to_owned());
        let told = text.expose().to_owned();
        let key = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let before = require_key(tx, &asks, &id, whose).await?;
                    only_itself(&asks, &id)?;
                    let now = muster_store::now();
                    if state(&before, now) != KeyState::Active {
                        return Err(ControlError::Conflict {
                            code: "key-ended",
                            message: format!("the key {id} is not good any more"),
                            remedy: "make another one with: muster key create NAME".to_owned(),
                        });
                    }
                    // Whoever has the secret may do what the key may.
                    if !asks.rights.covers(&rights_of(tx, &before).await?) {
                        return Err(ControlError::Denied {
                            code: "key-may-more",
                            message: format!("the key {id} may do what you may not"),
                            remedy: "ask its user, or an admin, to rotate it".to_owned(),
                        });
                    }
                    let mut key = before.clone();
                    key.previous = (overlap > Millis(0))
                        .then(|| (before.secret_hash.clone(), later(now, overlap)));
                    key.secret_hash = digest;
                    key.rotated_at = now;
                    tx.access_key_update(&key).await?;
                    changed(tx, &asks, Some(&before), &key, "rotate").await?;
                    if key.internal {
                        // Should the transaction fail after this, the next start
                        // finds a file that does not fit and makes a new one.
                        this.write_local(&told)?;
                    }
                    Ok(key)
                })
            })
            .await?;
        Ok(KeyWithSecret {
            key: self.shown(&self.store, key).await?,
            secret: text.expose().to_owned(),
        })
    }

    /// Puts an end to a key and to the access tokens that it bought.
    pub(crate) async fn revoke(
        &self,
        actor: &Actor,
        id: &str,
        whose: Whose,
        terms: &Terms,
    ) -> Result<Plan, ControlError> {
        let (actor, id, terms) = (actor.clone(), id.to_owned(), terms.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let before = require_key(tx, &actor, &id, whose).await?;
                    only_itself(&actor, &id)?;
                    if before.internal {
                        return Err(ControlError::Conflict {
                            code: "key-is-internal",
                            message: format!("the key {id} belongs to the host"),
                            remedy: format!("give it a new secret with: muster key rotate {id}"),
                        });
                    }
                    terms.check(Some(&before))?;
                    if !terms.dry_run && before.revoked_at.is_none() {
                        let mut key = before.clone();
                        key.revoked_at = Some(muster_store::now());
                        key.previous = None;
                        tx.access_key_update(&key).await?;
                        changed(tx, &actor, Some(&before), &key, "revoke").await?;
                    }
                    let line = format!("the use of the key {id} ({})", before.name);
                    Ok(Plan {
                        removes: vec![line],
                        changes: Vec::new(),
                        done: !terms.dry_run,
                    })
                })
            })
            .await
    }

    async fn shown(&self, db: &Reader, key: AccessKeyRecord) -> Result<AccessKey, StoreError> {
        let user = match key.user {
            Some(user) => db.user_by_id(user).await?.map(|user| user.name),
            None => None,
        };
        Ok(view(key, user))
    }
}

/// Sees to it that a user can have one more key. Those that have ended are kept
/// to be seen, for as long as nothing else needs their place.
async fn make_room(tx: &Tx, user: UserId) -> Result<(), ControlError> {
    let all = tx.access_key_list(Some(user), None, MAX_KEYS).await?.items;
    if all.len() < MAX_KEYS as usize {
        return Ok(());
    }
    let now = muster_store::now();
    let ended = all.iter().filter(|key| state(key, now) != KeyState::Active);
    let oldest = ended.min_by_key(|key| key.revoked_at.or(key.expires_at));
    let Some(oldest) = oldest else {
        return Err(ControlError::Conflict {
            code: "too-many-keys",
            message: format!("a user has at most {MAX_KEYS} keys"),
            remedy: "revoke one with: muster key revoke ID".to_owned(),
        });
    };
    tx.access_key_delete(&oldest.id).await?;
    Ok(())
}

fn later(now: OffsetDateTime, time: Millis) -> OffsetDateTime {
    now + Duration::milliseconds(i64::try_from(time.0).unwrap_or(i64::MAX))
}

/// `MK` and 90 random bits in base 32.
fn new_id() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = rand::random::<[u8; 18]>();
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    format!("MK{}", random.iter().map(letter).collect::<String>())
}
