//! Releases: a droplet with settings, numbered from 1 for each app.

use muster_api::{
    id::{AppId, DropletId},
    settings::Settings,
};
use sea_orm::{
    ActiveValue::Set, Condition, ExprTrait, JoinType, QueryOrder, QuerySelect, entity::prelude::*,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    apps::app,
    columns::{from_json, json, millis, signed, time, unsigned},
    droplets::{DropletRecord, droplet},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod release {
    use sea_orm::entity::prelude::*;

    use crate::{apps::app, droplets::droplet};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "releases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub droplet_id: Uuid,
        #[sea_orm(column_type = "JsonBinary")]
        pub settings: Json,
        pub served: bool,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "app::Entity",
            from = "Column::AppId",
            to = "app::Column::Id"
        )]
        App,
        #[sea_orm(
            belongs_to = "droplet::Entity",
            from = "Column::DropletId",
            to = "droplet::Column::Id"
        )]
        Droplet,
    }

    impl Related<droplet::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Droplet.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use release::{ActiveModel, Column, Entity, Model, Relation};

/// A release of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The app that it is of.
    pub app: AppId,
    /// Its number, from 1; never given twice.
    pub number: u64,
    /// What it runs.
    pub droplet: DropletId,
    /// What it runs with.
    pub settings: Settings,
    /// Whether it was the app's current one at some time.
    pub served: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for ReleaseRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            app: AppId(row.app_id),
            number: unsigned(row.number, "releases.number")?,
            droplet: DropletId(row.droplet_id),
            settings: from_json(row.settings, "releases.settings")?,
            served: row.served,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// A release.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn release_get(
        &self,
        app: AppId,
        number: u64,
    ) -> Result<Option<ReleaseRecord>, StoreError> {
        let row = Entity::find_by_id((app.0, signed(number)?))
            .one(&self.db())
            .await?;
        row.map(ReleaseRecord::try_from).transpose()
    }

    /// The releases of an app, newest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn release_list(&self, app: AppId) -> Result<Vec<ReleaseRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::AppId.eq(app.0))
            .order_by_desc(Column::Number)
            .all(&self.db())
            .await?;
        rows.into_iter().map(ReleaseRecord::try_from).collect()
    }

    /// Of all apps, the releases that serve and those that are being rolled out,
    /// with their droplets: what a host has to run.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn release_wanted(&self) -> Result<Vec<(ReleaseRecord, DropletRecord)>, StoreError> {
        let number = || Expr::col((Entity, Column::Number));
        let wanted = Condition::any()
            .add(number().eq(Expr::col((app::Entity, app::Column::CurrentRelease))))
            .add(number().eq(Expr::col((app::Entity, app::Column::NextRelease))));
        let rows = Entity::find()
            .find_also_related(droplet::Entity)
            .join(JoinType::InnerJoin, Relation::App.def())
            .filter(wanted)
            .order_by_asc(Column::AppId)
            .order_by_asc(Column::Number)
            .all(&self.db())
            .await?;
        let with_droplet = |(release, droplet): (Model, Option<droplet::Model>)| {
            let release = ReleaseRecord::try_from(release)?;
            let missing =
                || StoreError::Damaged(format!("a release has no droplet {}", release.droplet));
            let droplet = droplet.ok_or_else(missing)?.try_into()?;
            Ok((release, droplet))
        };
        rows.into_iter().map(with_droplet).collect()
    }
}

impl Tx {
    /// Adds a release of `app` and gives it the next number, which it returns. A
    /// number is not given again even if its release is deleted.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if the app or the droplet does not exist.
    pub async fn release_insert(
        &self,
        app: AppId,
        droplet: DropletId,
        settings: &Settings,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let last = app::Column::LastRelease;
        app::Entity::update_many()
            .col_expr(last, Expr::col(last).add(1))
            .filter(app::Column::Id.eq(app.0))
            .exec(&self.db())
            .await?;
        let row = app::Entity::find_by_id(app.0)
            .one(&self.db())
            .await?
            .ok_or(StoreError::Reference)?;
        let release = ActiveModel {
            app_id: Set(app.0),
            number: Set(row.last_release),
            droplet_id: Set(droplet.0),
            settings: Set(json(settings)?),
            served: Set(false),
            created_at: Set(millis(at)),
        };
        Entity::insert(release)
            .exec_without_returning(&self.db())
            .await?;
        unsigned(row.last_release, "apps.last_release")
    }

    /// Notes that a release is the app's current one. False if there is no such
    /// release.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn release_served(&self, app: AppId, number: u64) -> Result<bool, StoreError> {
        let change = ActiveModel {
            served: Set(true),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::AppId.eq(app.0))
            .filter(Column::Number.eq(signed(number)?))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Removes the releases that have a droplet, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn release_delete_by_droplet(&self, droplet: DropletId) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::DropletId.eq(droplet.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::settings::Settings;

    use crate::{
        StoreError, now,
        testing::{app, droplet, package, store},
    };

    #[tokio::test]
    async fn numbers_grow_by_app_and_never_repeat() {
        let (store, _dir) = store().await;
        let (shop, other, bits) = (app("shop"), app("other"), package("bits"));
        let (first, second, foreign) = (
            droplet(&shop, &bits),
            droplet(&shop, &bits),
            droplet(&other, &bits),
        );
        let (shop_id, second_id) = (shop.id, second.id);
        let numbers = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.package_insert(&bits).await?;
                    for app in [&shop, &other] {
                        tx.app_insert(app).await?;
                    }
                    for droplet in [&first, &second, &foreign] {
                        tx.droplet_insert(droplet).await?;
                    }
                    let settings = Settings::default();
                    let a = tx
                        .release_insert(shop.id, first.id, &settings, now())
                        .await?;
                    let b = tx
                        .release_insert(shop.id, second.id, &settings, now())
                        .await?;
                    let c = tx
                        .release_insert(other.id, foreign.id, &settings, now())
                        .await?;
                    Ok([a, b, c])
                })
            })
            .await
            .unwrap();
        assert_eq!(numbers, [1, 2, 1]);

        let held = store
            .write(move |tx| Box::pin(async move { tx.droplet_delete(second_id).await }))
            .await;
        assert!(matches!(held, Err(StoreError::Reference)));
        let (removed, next) = store
            .write(move |tx| {
                Box::pin(async move {
                    let removed = tx.release_delete_by_droplet(second_id).await?;
                    let settings = Settings {
                        fallback: Some("index.html".to_owned()),
                        ..Settings::default()
                    };
                    let next = tx
                        .release_insert(shop_id, second_id, &settings, now())
                        .await?;
                    Ok((removed, next))
                })
            })
            .await
            .unwrap();
        assert_eq!((removed, next), (1, 3));
        let kept: Vec<u64> = store
            .release_list(shop_id)
            .await
            .unwrap()
            .iter()
            .map(|r| r.number)
            .collect();
        assert_eq!(kept, [3, 1]);
        let third = store.release_get(shop_id, 3).await.unwrap().unwrap();
        assert_eq!(third.settings.fallback.as_deref(), Some("index.html"));
        assert_eq!(store.release_get(shop_id, 2).await.unwrap(), None);
    }

    #[tokio::test]
    async fn wanted_are_current_and_next_of_every_app() {
        let (store, _dir) = store().await;
        let (mut shop, mut other, bits) = (app("shop"), app("other"), package("bits"));
        let (ours, theirs) = (droplet(&shop, &bits), droplet(&other, &bits));
        let expected = (ours.clone(), theirs.clone());
        let (shop_id, other_id) = (shop.id, other.id);
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.package_insert(&bits).await?;
                    tx.app_insert(&shop).await?;
                    tx.app_insert(&other).await?;
                    tx.droplet_insert(&ours).await?;
                    tx.droplet_insert(&theirs).await?;
                    let settings = Settings::default();
                    for _ in 0..3 {
                        tx.release_insert(shop.id, ours.id, &settings, now())
                            .await?;
                        tx.release_insert(other.id, theirs.id, &settings, now())
                            .await?;
                    }
                    shop.current_release = Some(2);
                    shop.next_release = Some(3);
                    other.next_release = Some(1);
                    tx.app_update(&shop).await?;
                    tx.app_update(&other).await
                })
            })
            .await
            .unwrap();
        let wanted = store.release_wanted().await.unwrap();
        let numbers: Vec<_> = wanted
            .iter()
            .map(|(release, _)| (release.app, release.number))
            .collect();
        assert_eq!(numbers, [(shop_id, 2), (shop_id, 3), (other_id, 1)]);
        assert_eq!((&wanted[0].1, &wanted[2].1), (&expected.0, &expected.1));
    }
}
