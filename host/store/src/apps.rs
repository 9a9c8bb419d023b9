//! Apps: what users push and reach.

use muster_api::{
    apps::DesiredState,
    id::{AppId, ProjectId, UserId},
    page::Page,
};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_word, millis, project, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod app {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "apps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub state: String,
        pub instances: i64,
        pub current_release: Option<i64>,
        pub next_release: Option<i64>,
        pub last_release: i64,
        #[sea_orm(column_type = "Text", nullable)]
        pub last_failure: Option<String>,
        pub created_at: i64,
        pub updated_at: i64,
        pub project_id: Option<Uuid>,
        pub user_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use app::{ActiveModel, Column, Entity, Model};

/// An app: what should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRecord {
    /// Names the app for life.
    pub id: AppId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Who made it.
    pub user: Option<UserId>,
    /// Its name; unique.
    pub name: String,
    /// Whether it should run.
    pub state: DesiredState,
    /// How many instances it should have.
    pub instances: u32,
    /// The release that serves.
    pub current_release: Option<u64>,
    /// The release that is being rolled out.
    pub next_release: Option<u64>,
    /// Why the last roll-out or push failed, until one succeeds.
    pub last_failure: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When what should run last changed.
    pub updated_at: OffsetDateTime,
}

impl TryFrom<Model> for AppRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let release =
            |number: Option<i64>, column| number.map(|number| unsigned(number, column)).transpose();
        Ok(Self {
            id: AppId(row.id),
            project: project(row.project_id, "apps.project_id")?,
            user: row.user_id.map(UserId),
            name: row.name,
            state: from_word(row.state, "apps.state")?,
            instances: unsigned(row.instances, "apps.instances")?,
            current_release: release(row.current_release, "apps.current_release")?,
            next_release: release(row.next_release, "apps.next_release")?,
            last_failure: row.last_failure,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// The columns that change in an app's life.
fn changing(app: &AppRecord) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        state: Set(word(app.state)?),
        instances: Set(i64::from(app.instances)),
        current_release: Set(app.current_release.map(signed).transpose()?),
        next_release: Set(app.next_release.map(signed).transpose()?),
        last_failure: Set(app.last_failure.clone()),
        updated_at: Set(millis(app.updated_at)),
        ..Default::default()
    })
}

impl Reader {
    /// The app of that name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn app_by_name(&self, name: &str) -> Result<Option<AppRecord>, StoreError> {
        let row = Entity::find()
            .filter(Column::Name.eq(name))
            .one(&self.db())
            .await?;
        row.map(AppRecord::try_from).transpose()
    }

    /// An app.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn app_by_id(&self, id: AppId) -> Result<Option<AppRecord>, StoreError> {
        Entity::find_by_id(id.0)
            .one(&self.db())
            .await?
            .map(AppRecord::try_from)
            .transpose()
    }

    /// At most `limit` apps by name, from the one after `cursor` on; only those
    /// of the projects `among` if told. The next
    /// page's cursor is the last name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn app_list(
        &self,
        among: Option<&[ProjectId]>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AppRecord>, StoreError> {
        let mut question = Entity::find()
            .order_by_asc(Column::Name)
            .limit(u64::from(limit) + 1);
        if let Some(among) = among {
            question = question.filter(Column::ProjectId.is_in(among.iter().map(|id| id.0)));
        }
        if let Some(name) = cursor {
            question = question.filter(Column::Name.gt(name));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |app: &AppRecord| app.name.clone())
    }

    /// All apps by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn app_all(&self) -> Result<Vec<AppRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(AppRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds an app.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn app_insert(&self, app: &AppRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(app.id.0),
            name: Set(app.name.clone()),
            project_id: Set(Some(app.project.0)),
            user_id: Set(app.user.map(|user| user.0)),
            last_release: Set(0),
            created_at: Set(millis(app.created_at)),
            ..changing(app)?
        };
        let inserted = Entity::insert(row).exec_without_returning(&self.db()).await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("an app named '{}'", app.name))
        })?;
        Ok(())
    }

    /// Makes an app what the record says, but for id, name and time of making,
    /// which stay. False if there is no such app.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn app_update(&self, app: &AppRecord) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(changing(app)?)
            .filter(Column::Id.eq(app.id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Puts an app into another project. False if there is no such app.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn app_move(&self, id: AppId, to: ProjectId) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .col_expr(Column::ProjectId, Expr::value(Some(to.0)))
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Removes an app with its releases and droplets. Its routes must have been
    /// dealt with before, by [`route_delete_for_app`](Self::route_delete_for_app).
    /// False if there is no such app.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if a route still has it as a target.
    pub async fn app_delete(&self, id: AppId) -> Result<bool, StoreError> {
        Ok(Entity::delete_by_id(id.0)
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::apps::DesiredState;

    use crate::{
        StoreError,
        testing::{app, store},
    };

    #[tokio::test]
    async fn an_app_is_made_changed_and_removed() {
        let (store, _dir) = store().await;
        let mut shop = app("shop");
        let added = shop.clone();
        store
            .write(|tx| Box::pin(async move { tx.app_insert(&added).await }))
            .await
            .unwrap();
        assert_eq!(store.app_by_name("shop").await.unwrap(), Some(shop.clone()));

        let taken = store
            .write(|tx| Box::pin(async move { tx.app_insert(&app("shop")).await }))
            .await;
        assert!(
            matches!(taken, Err(StoreError::Conflict { ref what }) if what == "an app named 'shop'")
        );

        shop.state = DesiredState::Stopped;
        shop.instances = 3;
        shop.next_release = Some(2);
        shop.last_failure = Some("it would not start".to_owned());
        let changed = shop.clone();
        assert!(
            store
                .write(|tx| Box::pin(async move { tx.app_update(&changed).await }))
                .await
                .unwrap()
        );
        assert_eq!(store.app_by_id(shop.id).await.unwrap(), Some(shop.clone()));

        let gone = store
            .write(move |tx| {
                Box::pin(async move {
                    Ok((tx.app_delete(shop.id).await?, tx.app_delete(shop.id).await?))
                })
            })
            .await
            .unwrap();
        assert_eq!(gone, (true, false));
        let late = app("shop");
        assert!(
            !store
                .write(|tx| Box::pin(async move { tx.app_update(&late).await }))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn pages_follow_one_another_by_name() {
        let (store, _dir) = store().await;
        store
            .write(|tx| {
                Box::pin(async move {
                    for name in ["c", "a", "e", "b", "d"] {
                        tx.app_insert(&app(name)).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        let mut cursor = None;
        let mut pages = Vec::new();
        loop {
            let page = store.app_list(None, cursor.as_deref(), 2).await.unwrap();
            pages.push(
                page.items
                    .into_iter()
                    .map(|app| app.name)
                    .collect::<Vec<_>>()
                    .join(""),
            );
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, ["ab", "cd", "e"]);
        assert_eq!(store.app_list(None, None, 5).await.unwrap().next, None);
        assert_eq!(store.app_all().await.unwrap().len(), 5);
    }
}
