//! Which place counts: the one that the host was started with, or the one that
//! its blocks were moved to.

use std::path::Path;

use muster_api::config::Secret;
use muster_blocks::{Blocks, Credentials, Place};
use muster_identity::seal::Sealer;
use muster_store::{Store, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::control::error::ControlError;

/// The setting that says where this host's blocks are.
const SETTING: &str = "blocks";

/// How a host is told to keep its blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockOptions {
    /// Where; where they are, or in local files, unless told.
    pub place: Option<Place>,
    /// What the S3 server knows the host by.
    pub credentials: Credentials,
    /// How many bytes the cache in front of a server may have.
    pub cache: u64,
}

/// Where the blocks are, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    place: String,
    /// Places that blocks were moved away from.
    left: Vec<String>,
    /// Credentials that came with a move, sealed.
    credentials: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Open {
    access_key: String,
    secret_key: Secret,
    session_token: Secret,
}

/// Seals credentials; nothing if there are none.
pub(super) fn sealed(
    sealer: &Sealer,
    credentials: &Credentials,
) -> Result<Option<String>, ControlError> {
    if *credentials == Credentials::default() {
        return Ok(None);
    }
    let open = Open {
        access_key: credentials.access_key.clone(),
        secret_key: credentials.secret_key.clone(),
        session_token: credentials.session_token.clone(),
    };
    let text = serde_json::to_string(&open)
        .map_err(|error| ControlError::Internal(format!("credentials cannot be kept: {error}")))?;
    Ok(Some(sealer.seal(SETTING, &text)?))
}

/// Opens credentials.
pub(super) fn opened(sealer: &Sealer, sealed: Option<&str>) -> Result<Credentials, ControlError> {
    let Some(sealed) = sealed else {
        return Ok(Credentials::default());
    };
    let text = sealer.open(SETTING, sealed)?;
    let open: Open = serde_json::from_str(text.expose())
        .map_err(|error| ControlError::Internal(format!("credentials cannot be read: {error}")))?;
    Ok(Credentials {
        access_key: open.access_key,
        secret_key: open.secret_key,
        session_token: open.session_token,
    })
}

/// Finds out where blocks are when a host starts, and with which credentials.
///
/// # Errors
/// If the host is told another place than the one where its blocks are.
pub(crate) async fn settle(
    store: &Store,
    sealer: &Sealer,
    folder: &Path,
    told: &BlockOptions,
) -> Result<(Place, Credentials), ControlError> {
    let kept = store.setting_get::<Option<Kept>>(SETTING).await?.flatten();
    let is_new = kept.is_none();
    let kept = kept.unwrap_or_default();
    let at = kept.place.parse::<Place>().unwrap_or_default();
    let mut credentials = told.credentials.clone();
    if credentials.access_key.is_empty() {
        credentials = opened(sealer, kept.credentials.as_deref())?;
    }
    let place = match &told.place {
        None => at,
        Some(place) if is_same(place, &at) => place.clone(),
        Some(place) if kept.left.contains(&place.to_string()) => {
            tracing::warn!(
                told = %place, blocks = %at,
                "the blocks were moved away from where the host is told that they are; they are found where they were moved to, but --blocks-url should say so"
            );
            at
        }
        // Nothing was ever kept here, so that nothing is left behind.
        Some(place) if is_new && is_empty(folder).await? => place.clone(),
        Some(place) => {
            return Err(ControlError::Conflict {
                code: "blocks-elsewhere",
                message: format!(
                    "the host's blocks are in '{at}', and it is told to keep them in '{place}'"
                ),
                remedy: format!(
                    "start it with --blocks-url '{at}', then move them with: muster blocks move --to '{place}'"
                ),
            });
        }
    };
    if kept.place != place.to_string() {
        let kept = Kept {
            place: place.to_string(),
            ..kept
        };
        store
            .write(move |tx| Box::pin(async move { tx.setting_put(SETTING, &kept).await }))
            .await?;
    }
    Ok((place, credentials))
}

/// Writes down that blocks are elsewhere from now on.
pub(super) async fn moved(
    tx: &Tx,
    from: &Place,
    to: &Place,
    credentials: Option<String>,
) -> Result<(), ControlError> {
    let kept = tx.setting_get::<Option<Kept>>(SETTING).await?.flatten();
    let mut left = kept.map(|kept| kept.left).unwrap_or_default();
    let (from, place) = (from.to_string(), to.to_string());
    left.retain(|known| *known != place && *known != from);
    left.push(from);
    let kept = Kept {
        place,
        left,
        credentials,
    };
    Ok(tx.setting_put(SETTING, &kept).await?)
}

/// Has the blocks of a copy of a state be in local files.
pub(crate) async fn forget_place(tx: &Tx) -> Result<(), StoreError> {
    tx.setting_put(SETTING, &None::<Kept>).await
}

/// Whether two places are one, perhaps reached by another address.
fn is_same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Local, Place::Local) => true,
        (Place::S3(one), Place::S3(other)) => {
            (&one.bucket, &one.prefix) == (&other.bucket, &other.prefix)
        }
        _ => false,
    }
}

async fn is_empty(folder: &Path) -> Result<bool, ControlError> {
    if !folder.exists() {
        return Ok(true);
    }
    Ok(Blocks::open(folder)?.totals().await?.blocks == 0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::control::testing::store_with;

    fn told(place: &str) -> BlockOptions {
        BlockOptions {
            place: Some(place.parse().unwrap()),
            ..BlockOptions::default()
        }
    }

    #[tokio::test]
    async fn blocks_are_found_where_they_are() {
        let (store, dir) = store_with(&[]).await;
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let folder = dir.path().join("blocks");
        let settled = async |options: &BlockOptions| {
            let settled = settle(&store, &sealer, &folder, options).await;
            settled.map(|(place, _)| place.to_string())
        };
        let nothing = BlockOptions::default();
        assert_eq!(
            settled(&told("s3://one/a?region=x")).await.unwrap(),
            "s3://one/a?region=x"
        );
        assert_eq!(settled(&nothing).await.unwrap(), "s3://one/a?region=x");
        let moved_server = "s3://one/a?endpoint=http://127.0.0.2:9000";
        assert_eq!(settled(&told(moved_server)).await.unwrap(), moved_server);
        let refused = settled(&told("s3://two")).await.unwrap_err().to_string();
        assert!(refused.contains("s3://one/a"), "{refused}");

        let (from, to): (Place, Place) = (moved_server.parse().unwrap(), Place::Local);
        let credentials = Credentials {
            access_key: "key".to_owned(),
            secret_key: Secret::new("hunter2"),
            session_token: Secret::default(),
        };
        let kept = sealed(&sealer, &credentials).unwrap();
        assert!(!kept.as_deref().unwrap().contains("hunter2"));
        store
            .write_or_refuse(move |tx| Box::pin(async move { moved(tx, &from, &to, kept).await }))
            .await
            .unwrap();
        assert_eq!(settled(&told(moved_server)).await.unwrap(), "local");
        assert_eq!(settled(&nothing).await.unwrap(), "local");
        let (_, open) = settle(&store, &sealer, &folder, &nothing).await.unwrap();
        assert_eq!(open, credentials);
    }

    #[tokio::test]
    async fn blocks_in_local_files_are_not_left_behind() {
        let (store, dir) = store_with(&[]).await;
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let folder = dir.path().join("blocks");
        let blocks = Blocks::open(&folder).unwrap();
        blocks
            .write_bytes("a", Bytes::from_static(b"abc"))
            .await
            .unwrap();
        let refused = settle(&store, &sealer, &folder, &told("s3://one")).await;
        assert!(matches!(
            refused,
            Err(ControlError::Conflict {
                code: "blocks-elsewhere",
                ..
            })
        ));
    }
}
