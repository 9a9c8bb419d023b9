//! Passkeys: any number of each user.

use muster_api::id::UserId;
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder, entity::prelude::*};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod passkey {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "passkeys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: Uuid,
        pub name: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub data: Json,
        pub created_at: i64,
        pub last_used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use passkey::{ActiveModel, Column, Entity, Model};

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// What its device calls it, in base64url; unique among all users.
    pub id: String,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// Its public key, its counter and what else is known of it.
    pub data: Value,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it was last used.
    pub last_used_at: Option<OffsetDateTime>,
}

impl TryFrom<Model> for PasskeyRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            user: UserId(row.user_id),
            name: row.name,
            data: row.data,
            created_at: time(row.created_at)?,
            last_used_at: row.last_used_at.map(time).transpose()?,
        })
    }
}

impl Reader {
    /// A user's passkeys, oldest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<PasskeyRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(PasskeyRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds a passkey.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that id, whosever it is.
    pub async fn passkey_insert(&self, passkey: &PasskeyRecord) -> Result<(), StoreError> {
        let row = Model {
            id: passkey.id.clone(),
            user_id: passkey.user.0,
            name: passkey.name.clone(),
            data: passkey.data.clone(),
            created_at: millis(passkey.created_at),
            last_used_at: passkey.last_used_at.map(millis),
        };
        let inserted = Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| StoreError::inserting(error, || "such a passkey".to_owned()))?;
        Ok(())
    }

    /// Notes that a passkey was used, and what is known of it since. False if
    /// there is none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn passkey_used(
        &self,
        id: &str,
        data: &Value,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                data: Set(data.clone()),
                last_used_at: Set(Some(millis(now))),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Calls one of a user's passkeys something else. False if they have no
    /// such one.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn passkey_rename(
        &self,
        user: UserId,
        id: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                name: Set(name.to_owned()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(Column::UserId.eq(user.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Takes one of a user's passkeys away. False if they have no such one.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn passkey_delete(&self, user: UserId, id: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::UserId.eq(user.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Takes all of a user's passkeys away, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn passkey_delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(user.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}
