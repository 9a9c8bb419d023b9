//! Users: who may sign in.

use muster_api::id::UserId;
use sea_orm::{ActiveValue::Set, PaginatorTrait, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

mod user {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub password_hash: String,
        pub admin: bool,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Names the user for life.
    pub id: UserId,
    /// What the user signs in with; unique.
    pub name: String,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// Whether the user may do everything.
    pub admin: bool,
    /// When the user was made.
    pub created_at: OffsetDateTime,
}

impl TryFrom<user::Model> for UserRecord {
    type Error = StoreError;

    fn try_from(row: user::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.id),
            name: row.name,
            password_hash: row.password_hash,
            admin: row.admin,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// The user who signs in as `name`.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = user::Entity::find()
            .filter(user::Column::Name.eq(name))
            .one(&self.db())
            .await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// A user.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        user::Entity::find_by_id(id.0)
            .one(&self.db())
            .await?
            .map(UserRecord::try_from)
            .transpose()
    }

    /// How many users there are.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_count(&self) -> Result<u64, StoreError> {
        Ok(user::Entity::find().count(&self.db()).await?)
    }
}

impl Tx {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn user_insert(&self, user: &UserRecord) -> Result<(), StoreError> {
        let row = user::ActiveModel {
            id: Set(user.id.0),
            name: Set(user.name.clone()),
            password_hash: Set(user.password_hash.clone()),
            admin: Set(user.admin),
            created_at: Set(millis(user.created_at)),
        };
        let inserted = user::Entity::insert(row)
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("a user named '{}'", user.name))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use muster_api::id::UserId;

    use crate::{
        StoreError,
        testing::{store, user},
    };

    #[tokio::test]
    async fn users_have_names_of_their_own() {
        let (store, _dir) = store().await;
        assert_eq!(store.user_count().await.unwrap(), 0);
        let ada = user("ada");
        let added = ada.clone();
        store
            .write(|tx| Box::pin(async move { tx.user_insert(&added).await }))
            .await
            .unwrap();
        assert_eq!(store.user_by_name("ada").await.unwrap(), Some(ada.clone()));
        assert_eq!(store.user_by_id(ada.id).await.unwrap(), Some(ada));
        assert_eq!(
            store
                .user_by_id(UserId(uuid::Uuid::now_v7()))
                .await
                .unwrap(),
            None
        );

        let second = store
            .write(|tx| Box::pin(async move { tx.user_insert(&user("ada")).await }))
            .await;
        assert!(
            matches!(second, Err(StoreError::Conflict { ref what }) if what == "a user named 'ada'")
        );
        assert_eq!(store.user_count().await.unwrap(), 1);
    }
}
