//! Recovery codes, by their digests.

use muster_api::id::UserId;
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*};
use time::OffsetDateTime;

use crate::{columns::millis, error::StoreError, reader::Reader, tx::Tx};

pub(crate) mod recovery_code {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_codes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub created_at: i64,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use recovery_code::{ActiveModel, Column, Entity, Model};

impl Reader {
    /// The digests of a user's codes that are not used.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn recovery_codes(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        let digests = Entity::find()
            .select_only()
            .column(Column::Digest)
            .filter(Column::UserId.eq(user.0))
            .filter(Column::UsedAt.is_null())
            .order_by_asc(Column::Digest)
            .into_tuple();
        Ok(digests.all(&self.db()).await?)
    }
}

impl Tx {
    /// Keeps a user's codes in place of all earlier ones, and says how many
    /// those were.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn recovery_codes_put(
        &self,
        user: UserId,
        digests: &[String],
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let gone = Entity::delete_many()
            .filter(Column::UserId.eq(user.0))
            .exec(&self.db())
            .await?;
        for digest in digests {
            let row = Model {
                user_id: user.0,
                digest: digest.clone(),
                created_at: millis(at),
                used_at: None,
            };
            Entity::insert(row.into_active_model())
                .exec_without_returning(&self.db())
                .await?;
        }
        Ok(gone.rows_affected)
    }

    /// Uses a code up. False if there is none of that digest, or it was used
    /// before.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn recovery_code_use(
        &self,
        user: UserId,
        digest: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                used_at: Set(Some(millis(now))),
                ..Default::default()
            })
            .filter(Column::UserId.eq(user.0))
            .filter(Column::Digest.eq(digest))
            .filter(Column::UsedAt.is_null())
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }
}
