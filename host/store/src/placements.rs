//! Placements: which host of a group runs which instance of a release.

use muster_api::id::{AppId, HostId};
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod placement {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "placements")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub release: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub instance: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub host_id: Uuid,
        #[sea_orm(column_type = "Text")]
        pub why: String,
        pub placed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use placement::{Column, Entity, Model};

/// An instance on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementRecord {
    /// The app.
    pub app: AppId,
    /// The release.
    pub release: u64,
    /// The instance's place among the release's, from 0.
    pub index: u32,
    /// The host that runs it.
    pub host: HostId,
    /// Why it is there, for people.
    pub why: String,
    /// Since when.
    pub placed_at: OffsetDateTime,
}

impl TryFrom<Model> for PlacementRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            app: AppId(row.app_id),
            release: unsigned(row.release, "placements.release")?,
            index: unsigned(row.instance, "placements.instance")?,
            host: HostId(row.host_id),
            why: row.why,
            placed_at: time(row.placed_at)?,
        })
    }
}

impl Reader {
    /// All placements, by app, release, index and host.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn placement_all(&self) -> Result<Vec<PlacementRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::AppId)
            .order_by_asc(Column::Release)
            .order_by_asc(Column::Instance)
            .order_by_asc(Column::HostId)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The placements of an app.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn placement_list(&self, app: AppId) -> Result<Vec<PlacementRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::AppId.eq(app.0))
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Keeps a placement. One that is there already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if its app does not exist.
    pub async fn placement_put(&self, placement: &PlacementRecord) -> Result<(), StoreError> {
        let row = Model {
            app_id: placement.app.0,
            release: signed(placement.release)?,
            instance: placement.index.into(),
            host_id: placement.host.0,
            why: placement.why.clone(),
            placed_at: millis(placement.placed_at),
        };
        Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a placement. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn placement_delete(
        &self,
        app: AppId,
        release: u64,
        index: u32,
        host: HostId,
    ) -> Result<bool, StoreError> {
        let key = (app.0, signed(release)?, i64::from(index), host.0);
        let done = Entity::delete_by_id(key).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Forgets all placements.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn placement_clear(&self) -> Result<(), StoreError> {
        Entity::delete_many().exec(&self.db()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use muster_api::id::HostId;
    use uuid::Uuid;

    use super::PlacementRecord;
    use crate::{
        StoreError, now,
        testing::{app, store},
    };

    #[tokio::test]
    async fn placements_go_with_their_app() {
        let (store, _dir) = store().await;
        let shop = app("shop");
        let place = |index, host| PlacementRecord {
            app: shop.id,
            release: 1,
            index,
            host: HostId(host),
            why: "it has room".to_owned(),
            placed_at: now(),
        };
        let (left, right) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let early = place(0, left);
        let refused = store
            .write(move |tx| Box::pin(async move { tx.placement_put(&early).await }))
            .await;
        assert!(matches!(refused, Err(StoreError::Reference)), "{refused:?}");

        let placed = [place(1, left), place(0, right), place(0, left)];
        let added = shop.clone();
        let all = placed.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.app_insert(&added).await?;
                    for placement in &all {
                        tx.placement_put(placement).await?;
                        tx.placement_put(placement).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        let [late, moved, first] = placed;
        assert_eq!(
            store.placement_all().await.unwrap(),
            [first.clone(), moved.clone(), late]
        );

        let id = shop.id;
        let gone = store
            .write(move |tx| {
                Box::pin(async move {
                    let there = tx.placement_delete(id, 1, 0, HostId(left)).await?;
                    let again = tx.placement_delete(id, 1, 0, HostId(left)).await?;
                    tx.app_delete(id).await?;
                    Ok((there, again))
                })
            })
            .await
            .unwrap();
        assert_eq!(gone, (true, false));
        assert!(store.placement_all().await.unwrap().is_empty());
    }
}
