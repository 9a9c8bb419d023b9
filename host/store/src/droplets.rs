//! Droplets: what staging makes of packages.

use muster_api::{
    blocks::FileEntry,
    id::{AppId, DropletId},
};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod droplet {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "droplets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub app_id: Uuid,
        pub package_id: Uuid,
        pub detected: String,
        pub entry: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub component: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub files: Json,
        pub size: i64,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use droplet::{ActiveModel, Column, Entity, Model};

/// A droplet: a component and the files that it sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropletRecord {
    /// Names the droplet for life.
    pub id: DropletId,
    /// The app that it is of.
    pub app: AppId,
    /// The package that it was made of.
    pub package: Uuid,
    /// What the stager detected, such as `component`.
    pub detected: String,
    /// The entry point, such as `wasi:http/incoming-handler@0.2`.
    pub entry: String,
    /// The component.
    pub component: FileEntry,
    /// The files.
    pub files: Vec<FileEntry>,
    /// Bytes of component and files.
    pub size: u64,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for DropletRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: DropletId(row.id),
            app: AppId(row.app_id),
            package: row.package_id,
            detected: row.detected,
            entry: row.entry,
            component: from_json(row.component, "droplets.component")?,
            files: from_json(row.files, "droplets.files")?,
            size: unsigned(row.size, "droplets.size")?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// A droplet.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn droplet_get(&self, id: DropletId) -> Result<Option<DropletRecord>, StoreError> {
        Entity::find_by_id(id.0)
            .one(&self.db())
            .await?
            .map(DropletRecord::try_from)
            .transpose()
    }

    /// The droplets of an app, newest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn droplet_list(&self, app: AppId) -> Result<Vec<DropletRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::AppId.eq(app.0))
            .order_by_desc(Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(DropletRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds a droplet.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if its app or its package does not exist.
    pub async fn droplet_insert(&self, droplet: &DropletRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(droplet.id.0),
            app_id: Set(droplet.app.0),
            package_id: Set(droplet.package),
            detected: Set(droplet.detected.clone()),
            entry: Set(droplet.entry.clone()),
            component: Set(json(&droplet.component)?),
            files: Set(json(&droplet.files)?),
            size: Set(signed(droplet.size)?),
            created_at: Set(millis(droplet.created_at)),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Removes a droplet. False if there is no such droplet.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if a release still has it.
    pub async fn droplet_delete(&self, id: DropletId) -> Result<bool, StoreError> {
        Ok(Entity::delete_by_id(id.0)
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        StoreError,
        testing::{app, droplet, package, store},
    };

    #[tokio::test]
    async fn droplets_are_listed_newest_first_and_go_with_their_app() {
        let (store, _dir) = store().await;
        let (shop, other, bits) = (app("shop"), app("other"), package("bits"));
        let (old, new, foreign) = (
            droplet(&shop, &bits),
            droplet(&shop, &bits),
            droplet(&other, &bits),
        );
        let (shop_id, expected) = (shop.id, vec![new.clone(), old.clone()]);
        let foreign_id = foreign.id;
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.app_insert(&shop).await?;
                    tx.app_insert(&other).await?;
                    tx.package_insert(&bits).await?;
                    tx.droplet_insert(&old).await?;
                    tx.droplet_insert(&new).await?;
                    tx.droplet_insert(&foreign).await
                })
            })
            .await
            .unwrap();
        assert_eq!(store.droplet_list(shop_id).await.unwrap(), expected);

        assert!(
            store
                .write(move |tx| Box::pin(async move { tx.app_delete(shop_id).await }))
                .await
                .unwrap()
        );
        assert_eq!(store.droplet_get(expected[0].id).await.unwrap(), None);
        assert!(store.droplet_get(foreign_id).await.unwrap().is_some());

        let late = expected[0].clone();
        let refused = store
            .write(|tx| Box::pin(async move { tx.droplet_insert(&late).await }))
            .await;
        assert!(matches!(refused, Err(StoreError::Reference)));
    }
}
