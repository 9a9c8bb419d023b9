//! Secrets in the database that have to be read again: sealed under the name of
//! what they are for.

use muster_api::id::UserId;
use muster_identity::seal::{SealError, Sealer, is_sealed};
use muster_store::{Store, Tx};
use serde_json::Value;

use super::{config, error::ControlError};

/// For what the secret of a user's authenticator app is sealed.
pub(crate) fn of_totp(user: UserId) -> String {
    format!("totp.{user}")
}

/// For what a signing key is sealed.
pub(crate) fn of_signing_key(id: &str) -> String {
    format!("signing-key.{id}")
}

impl From<SealError> for ControlError {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Seals what an earlier version has kept in clear.
pub(crate) async fn adopt(store: &Store, sealer: &Sealer) -> Result<(), ControlError> {
    let sealer = sealer.clone();
    store
        .write_or_refuse(move |tx| {
            Box::pin(async move {
                adopt_totp(tx, &sealer).await?;
                adopt_signing_keys(tx, &sealer).await?;
                for key in config::keys() {
                    let kept = tx.setting_get::<Value>(&key).await?;
                    let Some(section @ Value::Object(_)) = kept else {
                        continue;
                    };
                    let sealed = sealer.seal(&key, &section.to_string())?;
                    tx.setting_put(&key, &sealed).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn adopt_totp(tx: &Tx, sealer: &Sealer) -> Result<(), ControlError> {
    for mut totp in tx.totp_all().await? {
        if !is_sealed(&totp.secret) {
            totp.secret = sealer.seal(&of_totp(totp.user), &totp.secret)?;
            tx.totp_put(&totp).await?;
        }
    }
    Ok(())
}

async fn adopt_signing_keys(tx: &Tx, sealer: &Sealer) -> Result<(), ControlError> {
    for mut key in tx.signing_key_list().await? {
        if !is_sealed(&key.pem) {
            key.pem = sealer.seal(&of_signing_key(&key.id), &key.pem)?;
            tx.signing_key_delete(&key.id).await?;
            tx.signing_key_put(&key).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_api::users::UserType;
    use muster_store::{SigningKeyRecord, TotpRecord};

    use super::*;
    use crate::control::testing::store_with;

    #[tokio::test]
    async fn what_was_kept_in_clear_is_sealed_once() {
        let (store, _dir) = store_with(&[("ada", UserType::Admin)]).await;
        let ada = store.user_by_name("ada").await.unwrap().unwrap().id;
        let totp = TotpRecord {
            user: ada,
            secret: "JBSWY3DP".to_owned(),
            created_at: muster_store::now(),
            confirmed_at: Some(muster_store::now()),
            last_step: Some(7),
        };
        let key = SigningKeyRecord {
            id: "k".to_owned(),
            algorithm: "EdDSA".to_owned(),
            pem: "-----BEGIN".to_owned(),
            created_at: muster_store::now(),
            retired_at: None,
            ends_at: None,
        };
        let (kept, signing) = (totp.clone(), key.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.totp_put(&kept).await?;
                    tx.signing_key_put(&signing).await?;
                    let section = serde_json::json!({ "password": "hunter2" });
                    tx.setting_put("config.mail", &section).await
                })
            })
            .await
            .unwrap();
        let sealer = Sealer::new(&[7; 32]).unwrap();
        adopt(&store, &sealer).await.unwrap();
        let sealed = store.totp_get(ada).await.unwrap().unwrap();
        let section: String = store.setting_get("config.mail").await.unwrap().unwrap();
        let signing = store.signing_key_list().await.unwrap().remove(0);
        for (purpose, text, clear) in [
            (of_totp(ada), &sealed.secret, "JBSWY3DP"),
            (of_signing_key("k"), &signing.pem, "-----BEGIN"),
            (
                "config.mail".to_owned(),
                &section,
                r#"{"password":"hunter2"}"#,
            ),
        ] {
            assert!(is_sealed(text) && !text.contains(clear), "{purpose}");
            assert_eq!(sealer.open(&purpose, text).unwrap().expose(), clear);
        }
        assert_eq!(sealed.last_step, totp.last_step);
        adopt(&store, &sealer).await.unwrap();
        assert_eq!(store.totp_get(ada).await.unwrap(), Some(sealed));
    }
}
