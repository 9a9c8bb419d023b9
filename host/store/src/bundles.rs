//! Bundles: content that a group of hosts has in common.

use muster_api::{blocks::FileEntry, bundles::BundleKind};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, from_word, json, millis, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod bundle {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "bundles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub kind: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub files: Json,
        pub size: i64,
        pub digest: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use bundle::{ActiveModel, Column, Entity, Model};

/// A bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRecord {
    /// Its name; unique.
    pub name: String,
    /// What it is good for.
    pub kind: BundleKind,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
    /// Bytes of all files together.
    pub size: u64,
    /// A SHA-256 over paths and blocks.
    pub digest: String,
    /// When it got this content.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for BundleRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            kind: from_word(row.kind, "bundles.kind")?,
            files: from_json(row.files, "bundles.files")?,
            size: unsigned(row.size, "bundles.size")?,
            digest: row.digest,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// All bundles, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn bundle_all(&self) -> Result<Vec<BundleRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A bundle.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn bundle_get(&self, name: &str) -> Result<Option<BundleRecord>, StoreError> {
        let row = Entity::find_by_id(name).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }
}

impl Tx {
    /// Keeps a bundle, in place of the one of that name.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn bundle_put(&self, bundle: &BundleRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(bundle.name.clone()),
            kind: Set(word(bundle.kind)?),
            files: Set(json(&bundle.files)?),
            size: Set(signed(bundle.size)?),
            digest: Set(bundle.digest.clone()),
            created_at: Set(millis(bundle.created_at)),
        };
        let known = OnConflict::column(Column::Name)
            .update_columns([
                Column::Kind,
                Column::Files,
                Column::Size,
                Column::Digest,
                Column::CreatedAt,
            ])
            .to_owned();
        Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a bundle. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn bundle_delete(&self, name: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(name).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::bundles::BundleKind;

    use super::BundleRecord;
    use crate::{
        now,
        testing::{digest, file, store},
    };

    #[tokio::test]
    async fn a_bundle_is_what_was_put_last_and_its_blocks_live() {
        let (store, _dir) = store().await;
        let first = BundleRecord {
            name: "maps".to_owned(),
            kind: BundleKind::Files,
            files: vec![file("oslo", "old")],
            size: 7,
            digest: "00".to_owned(),
            created_at: now(),
        };
        let second = BundleRecord {
            kind: BundleKind::Plugin,
            files: vec![file("oslo", "new"), file("rome", "too")],
            size: 14,
            digest: "01".to_owned(),
            ..first.clone()
        };
        for bundle in [first, second.clone()] {
            store
                .write(|tx| Box::pin(async move { tx.bundle_put(&bundle).await }))
                .await
                .unwrap();
        }
        assert_eq!(
            store.bundle_get("maps").await.unwrap(),
            Some(second.clone())
        );
        assert_eq!(store.bundle_all().await.unwrap(), [second]);
        let live = store.live_blocks().await.unwrap();
        assert_eq!(live, ["new", "too"].map(digest).into());
        for was_there in [true, false] {
            let gone = store.write(|tx| Box::pin(async move { tx.bundle_delete("maps").await }));
            assert_eq!(gone.await.unwrap(), was_there);
        }
        assert!(store.live_blocks().await.unwrap().is_empty());
    }
}
