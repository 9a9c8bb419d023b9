//! Packages: the bits that users push.

use muster_api::blocks::FileEntry;
use sea_orm::{ActiveValue::Set, QuerySelect, QueryTrait, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, signed, time, unsigned},
    droplets::droplet,
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod package {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "packages")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(column_type = "JsonBinary")]
        pub files: Json,
        pub size: i64,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use package::{ActiveModel, Column, Entity, Model};

/// A package: what staging makes a droplet of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// Names the package for life.
    pub id: Uuid,
    /// Its files.
    pub files: Vec<FileEntry>,
    /// Bytes of its files.
    pub size: u64,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for PackageRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            files: from_json(row.files, "packages.files")?,
            size: unsigned(row.size, "packages.size")?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// A package.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn package_get(&self, id: Uuid) -> Result<Option<PackageRecord>, StoreError> {
        Entity::find_by_id(id)
            .one(&self.db())
            .await?
            .map(PackageRecord::try_from)
            .transpose()
    }
}

impl Tx {
    /// Adds a package.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn package_insert(&self, package: &PackageRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(package.id),
            files: Set(json(&package.files)?),
            size: Set(signed(package.size)?),
            created_at: Set(millis(package.created_at)),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Removes a package. False if there is no such package.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if a droplet was made of it.
    pub async fn package_delete(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(Entity::delete_by_id(id)
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }

    /// Removes the packages that were made before `before` and that no droplet
    /// is made of, and says how many: those of failed pushes, and of droplets
    /// that are gone.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn package_delete_unused(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let used = droplet::Entity::find()
            .select_only()
            .column(droplet::Column::PackageId)
            .into_query();
        let done = Entity::delete_many()
            .filter(Column::CreatedAt.lt(millis(before)))
            .filter(Column::Id.not_in_subquery(used))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use crate::{
        StoreError, now,
        testing::{app, droplet, package, store},
    };

    #[tokio::test]
    async fn packages_live_as_long_as_their_droplets() {
        let (store, _dir) = store().await;
        let (shop, used, unused) = (app("shop"), package("used"), package("unused"));
        let made = droplet(&shop, &used);
        let (used_id, unused_id, droplet_id, expected) =
            (used.id, unused.id, made.id, used.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.app_insert(&shop).await?;
                    tx.package_insert(&used).await?;
                    tx.package_insert(&unused).await?;
                    tx.droplet_insert(&made).await
                })
            })
            .await
            .unwrap();
        assert_eq!(store.package_get(used_id).await.unwrap(), Some(expected));

        let removed = store
            .write(move |tx| Box::pin(async move { tx.package_delete(used_id).await }))
            .await;
        assert!(matches!(removed, Err(StoreError::Reference)));

        let soon = now() + Duration::SECOND;
        let early = now() - Duration::DAY;
        let counts = store
            .write(move |tx| {
                Box::pin(async move {
                    Ok((
                        tx.package_delete_unused(early).await?,
                        tx.package_delete_unused(soon).await?,
                        tx.droplet_delete(droplet_id).await?,
                        tx.package_delete_unused(soon).await?,
                    ))
                })
            })
            .await
            .unwrap();
        assert_eq!(counts, (0, 1, true, 1));
        assert_eq!(store.package_get(unused_id).await.unwrap(), None);
    }
}
