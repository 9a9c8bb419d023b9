//! Users: who may sign in.

use muster_api::{
    id::UserId,
    page::Page,
    users::{UserState, UserType},
};
use sea_orm::{
    ActiveValue::Set, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect, entity::prelude::*,
};
use time::OffsetDateTime;

use crate::{
    columns::{from_word, millis, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod user {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub email: Option<String>,
        pub email_verified_at: Option<i64>,
        pub display_name: String,
        pub r#type: String,
        pub state: String,
        pub failed_logins: i64,
        pub last_failure_at: Option<i64>,
        pub last_login_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use user::{Column, Entity, Model};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Names the user for life.
    pub id: UserId,
    /// What the user signs in with; unique.
    pub name: String,
    /// Where mail reaches the user, in lower case; unique.
    pub email: Option<String>,
    /// When the user has shown that the address is theirs.
    pub email_verified_at: Option<OffsetDateTime>,
    /// The name as people say it.
    pub display_name: String,
    /// What the user is to this Muster.
    pub kind: UserType,
    /// Where the user stands.
    pub state: UserState,
    /// Wrong passwords and codes since the last right ones.
    pub failed_logins: u32,
    /// When the last of these was tried.
    pub last_failure_at: Option<OffsetDateTime>,
    /// When the user last signed in.
    pub last_login_at: Option<OffsetDateTime>,
    /// When the user was made.
    pub created_at: OffsetDateTime,
    /// When the user was last changed.
    pub updated_at: OffsetDateTime,
}

impl UserRecord {
    /// An active user of that name, without anything else.
    #[must_use]
    pub fn new(id: UserId, name: impl Into<String>, kind: UserType) -> Self {
        let now = crate::now();
        Self {
            id,
            name: name.into(),
            email: None,
            email_verified_at: None,
            display_name: String::new(),
            kind,
            state: UserState::Active,
            failed_logins: 0,
            last_failure_at: None,
            last_login_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

impl TryFrom<Model> for UserRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.id),
            name: row.name,
            email: row.email,
            email_verified_at: row.email_verified_at.map(time).transpose()?,
            display_name: row.display_name,
            kind: from_word(row.r#type, "users.type")?,
            state: from_word(row.state, "users.state")?,
            failed_logins: unsigned(row.failed_logins, "users.failed_logins")?,
            last_failure_at: row.last_failure_at.map(time).transpose()?,
            last_login_at: row.last_login_at.map(time).transpose()?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

fn row(user: &UserRecord) -> Result<Model, StoreError> {
    Ok(Model {
        id: user.id.0,
        name: user.name.clone(),
        email: user.email.clone(),
        email_verified_at: user.email_verified_at.map(millis),
        display_name: user.display_name.clone(),
        r#type: word(user.kind)?,
        state: word(user.state)?,
        failed_logins: i64::from(user.failed_logins),
        last_failure_at: user.last_failure_at.map(millis),
        last_login_at: user.last_login_at.map(millis),
        created_at: millis(user.created_at),
        updated_at: millis(user.updated_at),
    })
}

/// Which users a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those in this state; all but the deleted unless told.
    pub state: Option<UserState>,
    /// Only those of this type.
    pub kind: Option<UserType>,
}

impl Reader {
    /// The user who signs in as `name`.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = Entity::find()
            .filter(Column::Name.eq(name))
            .one(&self.db())
            .await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// The user whose address that is; it is compared in lower case.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRecord>, StoreError> {
        let email = email.to_lowercase();
        let row = Entity::find()
            .filter(Column::Email.eq(email))
            .one(&self.db())
            .await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// A user.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let row = Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// How many users there are, in whatever state.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_count(&self) -> Result<u64, StoreError> {
        Ok(Entity::find().count(&self.db()).await?)
    }

    /// How many active users of a type there are.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_count_active(&self, kind: UserType) -> Result<u64, StoreError> {
        let found = Entity::find()
            .filter(Column::Type.eq(word(kind)?))
            .filter(Column::State.eq(word(UserState::Active)?));
        Ok(found.count(&self.db()).await?)
    }

    /// At most `limit` users by name, from the one after `cursor` on.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn user_list(
        &self,
        filter: &UserFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<UserRecord>, StoreError> {
        let mut question = Entity::find()
            .order_by_asc(Column::Name)
            .limit(u64::from(limit) + 1);
        question = match filter.state {
            Some(state) => question.filter(Column::State.eq(word(state)?)),
            None => question.filter(Column::State.ne(word(UserState::Deleted)?)),
        };
        if let Some(kind) = filter.kind {
            question = question.filter(Column::Type.eq(word(kind)?));
        }
        if let Some(name) = cursor {
            question = question.filter(Column::Name.gt(name));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |user: &UserRecord| user.name.clone())
    }
}

impl Tx {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name or the address is taken.
    pub async fn user_insert(&self, user: &UserRecord) -> Result<(), StoreError> {
        let inserted = Entity::insert(row(user)?.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || {
                format!("a user named '{}' or with that address", user.name)
            })
        })?;
        Ok(())
    }

    /// Writes a user as it is now. False if there is no such user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name or the address is taken.
    pub async fn user_update(&self, user: &UserRecord) -> Result<bool, StoreError> {
        let changed = row(user)?.into_active_model().reset_all();
        let done = Entity::update_many()
            .set(changed)
            .filter(Column::Id.eq(user.id.0))
            .exec(&self.db())
            .await;
        let done = done.map_err(|error| {
            StoreError::inserting(error, || {
                format!("a user named '{}' or with that address", user.name)
            })
        })?;
        Ok(done.rows_affected > 0)
    }

    /// Notes a failed sign-in, as the one of that number in a row.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn user_login_failed(
        &self,
        id: UserId,
        failures: u32,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .set(user::ActiveModel {
                failed_logins: Set(signed(u64::from(failures))?),
                last_failure_at: Set(Some(millis(at))),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(())
    }

    /// Notes that a sign-in succeeded, and forgets those that failed.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn user_logged_in(&self, id: UserId, at: OffsetDateTime) -> Result<(), StoreError> {
        Entity::update_many()
            .set(user::ActiveModel {
                failed_logins: Set(0),
                last_failure_at: Set(None),
                last_login_at: Set(Some(millis(at))),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use muster_api::{id::UserId, users::UserState};

    use super::UserFilter;
    use crate::{
        StoreError,
        testing::{store, user},
    };

    #[tokio::test]
    async fn users_have_names_and_addresses_of_their_own() {
        let (store, _dir) = store().await;
        assert_eq!(store.user_count().await.unwrap(), 0);
        let mut ada = user("ada");
        ada.email = Some("ada@example.org".to_owned());
        let added = ada.clone();
        store
            .write(|tx| Box::pin(async move { tx.user_insert(&added).await }))
            .await
            .unwrap();
        assert_eq!(store.user_by_name("ada").await.unwrap(), Some(ada.clone()));
        assert_eq!(
            store.user_by_email("ADA@example.org").await.unwrap(),
            Some(ada.clone())
        );
        assert_eq!(store.user_by_id(ada.id).await.unwrap(), Some(ada.clone()));
        let nobody = UserId(uuid::Uuid::now_v7());
        assert_eq!(store.user_by_id(nobody).await.unwrap(), None);

        let mut twin = user("twin");
        twin.email = ada.email.clone();
        for second in [user("ada"), twin] {
            let refused = store
                .write(|tx| Box::pin(async move { tx.user_insert(&second).await }))
                .await;
            assert!(
                matches!(refused, Err(StoreError::Conflict { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(store.user_count().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn failures_are_counted_until_one_succeeds() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let (added, id, at) = (ada.clone(), ada.id, crate::now());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&added).await?;
                    tx.user_login_failed(id, 1, at).await?;
                    tx.user_login_failed(id, 2, at).await
                })
            })
            .await
            .unwrap();
        let failed = store.user_by_id(id).await.unwrap().unwrap();
        assert_eq!(
            (failed.failed_logins, failed.last_failure_at),
            (2, Some(at))
        );
        store
            .write(move |tx| Box::pin(async move { tx.user_logged_in(id, at).await }))
            .await
            .unwrap();
        let ada = store.user_by_id(id).await.unwrap().unwrap();
        assert_eq!(
            (ada.failed_logins, ada.last_failure_at, ada.last_login_at),
            (0, None, Some(at))
        );
    }

    #[tokio::test]
    async fn deleted_users_are_listed_on_demand_only() {
        let (store, _dir) = store().await;
        store
            .write(|tx| {
                Box::pin(async move {
                    let mut gone = user("gone");
                    tx.user_insert(&gone).await?;
                    gone.state = UserState::Deleted;
                    assert!(tx.user_update(&gone).await?);
                    tx.user_insert(&user("here")).await
                })
            })
            .await
            .unwrap();
        let names = |page: muster_api::page::Page<super::UserRecord>| {
            page.items
                .into_iter()
                .map(|user| user.name)
                .collect::<Vec<_>>()
        };
        let all = store
            .user_list(&UserFilter::default(), None, 9)
            .await
            .unwrap();
        assert_eq!(names(all), ["here"]);
        let deleted = UserFilter {
            state: Some(UserState::Deleted),
            kind: None,
        };
        assert_eq!(
            names(store.user_list(&deleted, None, 9).await.unwrap()),
            ["gone"]
        );
    }
}
