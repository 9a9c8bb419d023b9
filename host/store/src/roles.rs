//! Roles: which jobs this host does, and with what component.

use muster_api::blocks::FileEntry;
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod role {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "roles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub enabled: bool,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub component: Option<Json>,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub manifest: Option<Json>,
        pub installed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use role::{ActiveModel, Column, Entity, Model};

/// A role of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    /// Its name, such as `router`.
    pub name: String,
    /// Whether the host does it.
    pub enabled: bool,
    /// The plugin's component; none for the one that came with the host.
    pub component: Option<FileEntry>,
    /// What the plugin says of itself, in its own words.
    pub manifest: Option<Value>,
    /// When it was installed, or enabled for the first time.
    pub installed_at: OffsetDateTime,
}

impl TryFrom<Model> for RoleRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            enabled: row.enabled,
            component: row
                .component
                .map(|component| from_json(component, "roles.component"))
                .transpose()?,
            manifest: row.manifest,
            installed_at: time(row.installed_at)?,
        })
    }
}

impl Reader {
    /// All roles that were ever enabled or installed, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn role_list(&self) -> Result<Vec<RoleRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(RoleRecord::try_from).collect()
    }

    /// A role.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn role_get(&self, name: &str) -> Result<Option<RoleRecord>, StoreError> {
        Entity::find_by_id(name)
            .one(&self.db())
            .await?
            .map(RoleRecord::try_from)
            .transpose()
    }
}

impl Tx {
    /// Keeps a role, in place of what was there by that name.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn role_put(&self, role: &RoleRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(role.name.clone()),
            enabled: Set(role.enabled),
            component: Set(role.component.as_ref().map(json).transpose()?),
            manifest: Set(role.manifest.clone()),
            installed_at: Set(millis(role.installed_at)),
        };
        let known = OnConflict::column(Column::Name)
            .update_columns([
                Column::Enabled,
                Column::Component,
                Column::Manifest,
                Column::InstalledAt,
            ])
            .to_owned();
        Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a role. False if there is no such role.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn role_delete(&self, name: &str) -> Result<bool, StoreError> {
        Ok(Entity::delete_by_id(name)
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::RoleRecord;
    use crate::{
        now,
        testing::{file, store},
    };

    #[tokio::test]
    async fn a_role_is_what_was_put_last() {
        let (store, _dir) = store().await;
        let bundled = RoleRecord {
            name: "router".to_owned(),
            enabled: true,
            component: None,
            manifest: None,
            installed_at: now(),
        };
        let installed = RoleRecord {
            enabled: false,
            component: Some(file("router.wasm", "router")),
            manifest: Some(serde_json::json!({ "version": "0.2.0" })),
            ..bundled.clone()
        };
        for role in [bundled, installed.clone()] {
            let expected = role.clone();
            store
                .write(|tx| Box::pin(async move { tx.role_put(&role).await }))
                .await
                .unwrap();
            assert_eq!(store.role_get("router").await.unwrap(), Some(expected));
        }
        assert_eq!(store.role_list().await.unwrap(), [installed]);
        assert!(
            store
                .write(|tx| Box::pin(async move { tx.role_delete("router").await }))
                .await
                .unwrap()
        );
        assert_eq!(store.role_get("router").await.unwrap(), None);
    }
}
