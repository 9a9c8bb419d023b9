//! Second factors of users, a file per kind.

pub mod passkeys;
pub mod recovery_codes;
pub mod totp;

use muster_api::id::UserId;

use crate::{error::StoreError, tx::Tx};

impl Tx {
    /// Takes all second factors of a user away, and says how many rows that
    /// were.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn factors_delete(&self, user: UserId) -> Result<u64, StoreError> {
        let totp = u64::from(self.totp_delete(user).await?);
        let codes = self.recovery_codes_put(user, &[], crate::now()).await?;
        Ok(totp + codes + self.passkey_delete_all(user).await?)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::id::UserId;
    use serde_json::json;

    use crate::{
        PasskeyRecord, StoreError, TotpRecord, UserRecord, now,
        testing::{store, user},
    };

    fn passkey(id: &str, owner: UserId) -> PasskeyRecord {
        PasskeyRecord {
            id: id.to_owned(),
            user: owner,
            name: "phone".to_owned(),
            data: json!({ "counter": 1 }),
            created_at: now(),
            last_used_at: None,
        }
    }

    async fn with_ada() -> (crate::Store, crate::testing::Place, UserRecord) {
        let (store, dir) = store().await;
        let ada = user("ada");
        let added = ada.clone();
        store
            .write(move |tx| Box::pin(async move { tx.user_insert(&added).await }))
            .await
            .unwrap();
        (store, dir, ada)
    }

    #[tokio::test]
    async fn a_step_is_used_once_and_only_forwards() {
        let (store, _dir, ada) = with_ada().await;
        let id = ada.id;
        let record = TotpRecord {
            user: id,
            secret: "GEZDGNBV".to_owned(),
            created_at: now(),
            confirmed_at: None,
            last_step: None,
        };
        let kept = record.clone();
        let used = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.totp_put(&kept).await?;
                    let mut used = Vec::new();
                    for step in [7, 7, 6, 8] {
                        used.push(tx.totp_use(id, step, now()).await?);
                    }
                    Ok(used)
                })
            })
            .await
            .unwrap();
        assert_eq!(used, [true, false, false, true]);
        let found = store.totp_get(id).await.unwrap().unwrap();
        assert_eq!(found.last_step, Some(8));
        assert!(found.confirmed_at.is_some());

        // A new secret takes the place of the old one, with nothing confirmed.
        let again = record.clone();
        store
            .write(move |tx| Box::pin(async move { tx.totp_put(&again).await }))
            .await
            .unwrap();
        assert_eq!(store.totp_get(id).await.unwrap(), Some(record));
    }

    #[tokio::test]
    async fn a_recovery_code_is_used_once_and_new_ones_replace_all() {
        let (store, _dir, ada) = with_ada().await;
        let id = ada.id;
        let codes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (first, second): (Vec<String>, Vec<String>) = (codes(&["a", "b"]), codes(&["b", "c"]));
        let used = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.recovery_codes_put(id, &first, now()).await?;
                    let mut used = Vec::new();
                    for digest in ["a", "a", "x"] {
                        used.push(tx.recovery_code_use(id, digest, now()).await?);
                    }
                    Ok(used)
                })
            })
            .await
            .unwrap();
        assert_eq!(used, [true, false, false]);
        assert_eq!(store.recovery_codes(id).await.unwrap(), ["b"]);
        let replaced = store
            .write(move |tx| {
                Box::pin(async move { tx.recovery_codes_put(id, &second, now()).await })
            })
            .await
            .unwrap();
        assert_eq!(replaced, 2);
        assert_eq!(store.recovery_codes(id).await.unwrap(), ["b", "c"]);
    }

    #[tokio::test]
    async fn a_passkey_has_one_owner() {
        let (store, _dir, ada) = with_ada().await;
        let (bob, id) = (user("bob"), ada.id);
        let other = bob.id;
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&bob).await?;
                    tx.passkey_insert(&passkey("k1", id)).await
                })
            })
            .await
            .unwrap();
        let refused = store
            .write(move |tx| {
                Box::pin(async move { tx.passkey_insert(&passkey("k1", other)).await })
            })
            .await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "{refused:?}"
        );
        let done = store
            .write(move |tx| {
                Box::pin(async move {
                    Ok((
                        tx.passkey_rename(other, "k1", "stolen").await?,
                        tx.passkey_delete(other, "k1").await?,
                        tx.passkey_rename(id, "k1", "laptop").await?,
                        tx.passkey_used("k1", &json!({ "counter": 2 }), now())
                            .await?,
                    ))
                })
            })
            .await
            .unwrap();
        assert_eq!(done, (false, false, true, true));
        let found = store.passkeys(id).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "laptop");
        assert_eq!(found[0].data, json!({ "counter": 2 }));
        assert!(found[0].last_used_at.is_some());
    }

    #[tokio::test]
    async fn all_go_at_once() {
        let (store, _dir, ada) = with_ada().await;
        let id = ada.id;
        let gone = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.totp_put(&TotpRecord {
                        user: id,
                        secret: "GEZDGNBV".to_owned(),
                        created_at: now(),
                        confirmed_at: None,
                        last_step: None,
                    })
                    .await?;
                    tx.recovery_codes_put(id, &["a".to_owned()], now()).await?;
                    tx.passkey_insert(&passkey("k1", id)).await?;
                    tx.factors_delete(id).await
                })
            })
            .await
            .unwrap();
        assert_eq!(gone, 3);
        assert_eq!(store.totp_get(id).await.unwrap(), None);
        assert!(store.recovery_codes(id).await.unwrap().is_empty());
        assert!(store.passkeys(id).await.unwrap().is_empty());
    }
}
