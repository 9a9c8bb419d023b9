//! Sign-ups: which users came by themselves, and from where.

use muster_api::id::UserId;
use sea_orm::{IntoActiveModel, entity::prelude::*};
use time::OffsetDateTime;

use crate::{columns::millis, error::StoreError, reader::Reader, tx::Tx};

pub(crate) mod sign_up {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_ups")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub origin: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use sign_up::{Entity, Model};

impl Reader {
    /// Whether a user came by themselves.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn sign_up_is(&self, user: UserId) -> Result<bool, StoreError> {
        let row = Entity::find_by_id(user.0).one(&self.db()).await?;
        Ok(row.is_some())
    }
}

impl Tx {
    /// Notes that a user came by themselves, from an address.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn sign_up_insert(
        &self,
        user: UserId,
        origin: Option<&str>,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let row = Model {
            user_id: user.0,
            origin: origin.map(str::to_owned),
            created_at: millis(at),
        };
        Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }
}
