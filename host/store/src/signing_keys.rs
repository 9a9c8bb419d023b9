//! Signing keys: what tokens are signed with. The newest that has not retired
//! signs; one that has is still good for checking until its end.

use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod signing_key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub algorithm: String,
        pub pem: String,
        pub created_at: i64,
        pub retired_at: Option<i64>,
        pub ends_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use signing_key::{Column, Entity, Model};

/// A signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// Its id, which tokens name: the thumbprint of RFC 7638.
    pub id: String,
    /// Its algorithm, as JWTs name it.
    pub algorithm: String,
    /// The private key as PKCS#8 PEM, sealed.
    pub pem: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stopped signing.
    pub retired_at: Option<OffsetDateTime>,
    /// When it stops being good for checking.
    pub ends_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRecord")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("created_at", &self.created_at)
            .field("retired_at", &self.retired_at)
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
            retired_at: row.retired_at.map(time).transpose()?,
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
    /// Adds a signing key, or writes an existing one as it is now.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn signing_key_put(&self, key: &SigningKeyRecord) -> Result<(), StoreError> {
        let row = Model {
            id: key.id.clone(),
            algorithm: key.algorithm.clone(),
            pem: key.pem.clone(),
            created_at: millis(key.created_at),
            retired_at: key.retired_at.map(millis),
            ends_at: key.ends_at.map(millis),
        };
        Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_columns([Column::RetiredAt, Column::EndsAt])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a signing key. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn signing_key_delete(&self, id: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(id).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}
