//! Passwords: of each user at most one, as a hash.

use muster_api::id::UserId;
use sea_orm::{IntoActiveModel, entity::prelude::*, sea_query::OnConflict};
use time::OffsetDateTime;

use crate::{columns::millis, error::StoreError, reader::Reader, tx::Tx};

pub(crate) mod password {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "passwords")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub hash: String,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use password::{Column, Entity, Model};

impl Reader {
    /// The hash of a user's password, as a PHC string.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn password_hash(&self, user: UserId) -> Result<Option<String>, StoreError> {
        let row = Entity::find_by_id(user.0).one(&self.db()).await?;
        Ok(row.map(|row| row.hash))
    }
}

impl Tx {
    /// Keeps the hash of a user's password, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn password_put(
        &self,
        user: UserId,
        hash: &str,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let row = Model {
            user_id: user.0,
            hash: hash.to_owned(),
            changed_at: millis(at),
        };
        Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(Column::UserId)
                    .update_columns([Column::Hash, Column::ChangedAt])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes a user's password away. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn password_delete(&self, user: UserId) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(user.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn the_newest_password_counts_until_it_is_taken_away() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let id = ada.id;
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.password_put(id, "first", now()).await?;
                    tx.password_put(id, "second", now()).await
                })
            })
            .await
            .unwrap();
        assert_eq!(
            store.password_hash(id).await.unwrap().as_deref(),
            Some("second")
        );
        let gone = store
            .write(move |tx| Box::pin(async move { tx.password_delete(id).await }))
            .await
            .unwrap();
        assert!(gone);
        assert_eq!(store.password_hash(id).await.unwrap(), None);
    }
}
