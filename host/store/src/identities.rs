//! Identities: as whom sign-in methods know users.

use muster_api::id::UserId;
use sea_orm::{ActiveValue::Set, IntoActiveModel, entity::prelude::*};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod identity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "identities")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub method: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub subject: String,
        pub user_id: Uuid,
        #[sea_orm(column_type = "JsonBinary")]
        pub profile: Json,
        pub created_at: i64,
        pub last_used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use identity::{ActiveModel, Column, Entity, Model};

/// As whom a sign-in method knows a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRecord {
    /// The method's name.
    pub method: String,
    /// Who it is at the method's source, for good.
    pub subject: String,
    /// The user.
    pub user: UserId,
    /// What the method said of them at first.
    pub profile: Value,
    /// When the two were tied.
    pub created_at: OffsetDateTime,
    /// When somebody last signed in that way.
    pub last_used_at: Option<OffsetDateTime>,
}

impl TryFrom<Model> for IdentityRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            method: row.method,
            subject: row.subject,
            user: UserId(row.user_id),
            profile: row.profile,
            created_at: time(row.created_at)?,
            last_used_at: row.last_used_at.map(time).transpose()?,
        })
    }
}

impl Reader {
    /// Whom a method means by a subject.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn identity_get(
        &self,
        method: &str,
        subject: &str,
    ) -> Result<Option<IdentityRecord>, StoreError> {
        let key = (method.to_owned(), subject.to_owned());
        let row = Entity::find_by_id(key).one(&self.db()).await?;
        row.map(IdentityRecord::try_from).transpose()
    }

    /// As whom methods know a user.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn identity_list(&self, user: UserId) -> Result<Vec<IdentityRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .all(&self.db())
            .await?;
        rows.into_iter().map(IdentityRecord::try_from).collect()
    }
}

impl Tx {
    /// Ties a user to a subject of a method.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the subject is tied to somebody.
    pub async fn identity_insert(&self, identity: &IdentityRecord) -> Result<(), StoreError> {
        let row = Model {
            method: identity.method.clone(),
            subject: identity.subject.clone(),
            user_id: identity.user.0,
            profile: identity.profile.clone(),
            created_at: millis(identity.created_at),
            last_used_at: identity.last_used_at.map(millis),
        };
        let inserted = Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || {
                format!("somebody tied to that account of {}", identity.method)
            })
        })?;
        Ok(())
    }

    /// Notes that somebody signed in that way.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn identity_used(
        &self,
        method: &str,
        subject: &str,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .set(ActiveModel {
                last_used_at: Set(Some(millis(at))),
                ..Default::default()
            })
            .filter(Column::Method.eq(method))
            .filter(Column::Subject.eq(subject))
            .exec(&self.db())
            .await?;
        Ok(())
    }

    /// Unties a user from a method, or from all; says how many subjects.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn identity_delete(
        &self,
        user: UserId,
        method: Option<&str>,
    ) -> Result<u64, StoreError> {
        let mut question = Entity::delete_many().filter(Column::UserId.eq(user.0));
        if let Some(method) = method {
            question = question.filter(Column::Method.eq(method));
        }
        Ok(question.exec(&self.db()).await?.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::IdentityRecord;
    use crate::{
        StoreError, now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn a_subject_is_one_user_and_a_user_may_have_several() {
        let (store, _dir) = store().await;
        let (ada, eve) = (user("ada"), user("eve"));
        let tie = |user, method: &str| IdentityRecord {
            method: method.to_owned(),
            subject: "1815".to_owned(),
            user,
            profile: json!({}),
            created_at: now(),
            last_used_at: None,
        };
        let (id, other) = (ada.id, eve.id);
        let ties = [tie(id, "ldap"), tie(id, "oidc")];
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.user_insert(&eve).await?;
                    tx.identity_insert(&ties[0]).await?;
                    tx.identity_insert(&ties[1]).await?;
                    tx.identity_used("ldap", "1815", now()).await
                })
            })
            .await
            .unwrap();
        let taken = store
            .write(move |tx| {
                let again = tie(other, "ldap");
                Box::pin(async move { tx.identity_insert(&again).await })
            })
            .await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })));
        let found = store.identity_get("ldap", "1815").await.unwrap().unwrap();
        assert_eq!(found.user, id);
        assert!(found.last_used_at.is_some());
        assert_eq!(store.identity_list(id).await.unwrap().len(), 2);
        let untied = store
            .write(move |tx| Box::pin(async move { tx.identity_delete(id, Some("oidc")).await }))
            .await
            .unwrap();
        assert_eq!(
            (untied, store.identity_list(id).await.unwrap().len()),
            (1, 1)
        );
    }
}
