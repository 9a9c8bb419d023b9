//! Access roles, which are bundles of permissions, and who has which where.

use muster_api::{
    id::{BindingId, ProjectId, UserId},
    permissions::Permission,
};
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
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
    #[sea_orm(table_name = "access_roles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub description: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub permissions: Json,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod binding {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_bindings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub role: String,
        pub project_id: Option<Uuid>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A bundle of permissions that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRoleRecord {
    /// What it is called; unique.
    pub name: String,
    /// For whom it is.
    pub description: String,
    /// What it holds.
    pub permissions: Vec<Permission>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

impl TryFrom<role::Model> for AccessRoleRecord {
    type Error = StoreError;

    fn try_from(row: role::Model) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            description: row.description,
            permissions: from_json(row.permissions, "access_roles.permissions")?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// Somebody's having an access role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessBindingRecord {
    /// Names it for life.
    pub id: BindingId,
    /// Who.
    pub user: UserId,
    /// Which role.
    pub role: String,
    /// Where; everywhere if nowhere in particular.
    pub project: Option<ProjectId>,
    /// Since when.
    pub created_at: OffsetDateTime,
}

impl TryFrom<binding::Model> for AccessBindingRecord {
    type Error = StoreError;

    fn try_from(row: binding::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: BindingId(row.id),
            user: UserId(row.user_id),
            role: row.role,
            project: row.project_id.map(ProjectId),
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// The access roles that somebody made, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn access_role_list(&self) -> Result<Vec<AccessRoleRecord>, StoreError> {
        let rows = role::Entity::find()
            .order_by_asc(role::Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(AccessRoleRecord::try_from).collect()
    }

    /// An access role that somebody made.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn access_role_get(
        &self,
        name: &str,
    ) -> Result<Option<AccessRoleRecord>, StoreError> {
        let row = role::Entity::find_by_id(name).one(&self.db()).await?;
        row.map(AccessRoleRecord::try_from).transpose()
    }

    /// Who has which access role where, oldest first; of one user if told.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn access_binding_list(
        &self,
        user: Option<UserId>,
    ) -> Result<Vec<AccessBindingRecord>, StoreError> {
        let mut question = binding::Entity::find().order_by_asc(binding::Column::Id);
        if let Some(user) = user {
            question = question.filter(binding::Column::UserId.eq(user.0));
        }
        let rows = question.all(&self.db()).await?;
        rows.into_iter()
            .map(AccessBindingRecord::try_from)
            .collect()
    }
}

impl Tx {
    /// Keeps an access role, in place of one of that name.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_role_put(&self, role: &AccessRoleRecord) -> Result<(), StoreError> {
        let row = role::Model {
            name: role.name.clone(),
            description: role.description.clone(),
            permissions: json(&role.permissions)?,
            created_at: millis(role.created_at),
            updated_at: millis(role.updated_at),
        };
        role::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(role::Column::Name)
                    .update_columns([
                        role::Column::Description,
                        role::Column::Permissions,
                        role::Column::UpdatedAt,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Deletes an access role. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_role_delete(&self, name: &str) -> Result<bool, StoreError> {
        let done = role::Entity::delete_by_id(name).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Gives somebody an access role.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if user or project does not exist.
    pub async fn access_binding_insert(
        &self,
        binding: &AccessBindingRecord,
    ) -> Result<(), StoreError> {
        let row = binding::Model {
            id: binding.id.0,
            user_id: binding.user.0,
            role: binding.role.clone(),
            project_id: binding.project.map(|project| project.0),
            created_at: millis(binding.created_at),
        };
        binding::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes an access role from somebody. False if there was no such binding.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_binding_delete(&self, id: BindingId) -> Result<bool, StoreError> {
        let done = binding::Entity::delete_by_id(id.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}
