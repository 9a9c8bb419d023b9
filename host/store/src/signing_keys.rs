//! Signing keys: what tokens are signed with. The newest that has no end signs;
//! one that has an end is still good for checking until then.

use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

mod signing_key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub algorithm: String,
        pub pem: String,
        pub created_at: i64,
        pub ends_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use signing_key::{ActiveModel, Column, Entity, Model};

/// A signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// Its id, which tokens name: the thumbprint of RFC 7638.
    pub id: String,
    /// Its algorithm, as JWTs name it.
    pub algorithm: String,
    /// The private key as PKCS#8 PEM.
    pub pem: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stops being good for checking; it no longer signs.
    pub ends_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRecord")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("created_at", &self.created_at)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

impl TryFrom<Model> for SigningKeyRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            algorithm: row.algorithm,
            pem: row.pem,
            created_at: time(row.created_at)?,
            ends_at: row.ends_at.map(time).transpose()?,
        })
    }
}

impl Reader {
    /// All signing keys, newest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn signing_key_list(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_desc(Column::CreatedAt)
            .all(&self.db())
            .await?;
        rows.into_iter().map(SigningKeyRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds a signing key. Those before it get `end` as their end, unless they
    /// have one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that id.
    pub async fn signing_key_insert(
        &self,
        key: &SigningKeyRecord,
        end: OffsetDateTime,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .set(ActiveModel {
                ends_at: Set(Some(millis(end))),
                ..Default::default()
            })
            .filter(Column::EndsAt.is_null())
            .exec(&self.db())
            .await?;
        let row = Model {
            id: key.id.clone(),
            algorithm: key.algorithm.clone(),
            pem: key.pem.clone(),
            created_at: millis(key.created_at),
            ends_at: key.ends_at.map(millis),
        };
        let inserted = Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted
            .map_err(|error| StoreError::inserting(error, || "such a signing key".to_owned()))?;
        Ok(())
    }

    /// Forgets signing keys that ended before `now`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn signing_key_ended_delete(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::EndsAt.lt(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}
