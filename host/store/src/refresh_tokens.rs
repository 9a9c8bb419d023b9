//! Refresh tokens: each gets the next pair of tokens once. Tokens that came of
//! one sign-in are a family, which is revoked as a whole when one is used twice.

use muster_api::id::UserId;
use sea_orm::{ActiveValue::Set, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod refresh_token {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub hash: String,
        pub family: Uuid,
        pub expires_at: i64,
        pub used_at: Option<i64>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use refresh_token::{ActiveModel, Column, Entity, Model};

/// A refresh token. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshTokenRecord {
    /// Names the token for life.
    pub id: Uuid,
    /// Whose it is.
    pub user: UserId,
    /// The hash by which it is found.
    pub hash: String,
    /// The sign-in that it descends from.
    pub family: Uuid,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// When it was used up.
    pub used_at: Option<OffsetDateTime>,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for RefreshTokenRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            user: UserId(row.user_id),
            hash: row.hash,
            family: row.family,
            expires_at: time(row.expires_at)?,
            used_at: row.used_at.map(time).transpose()?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// The token of that hash, used or not, expired or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn refresh_token_by_hash(
        &self,
        hash: &str,
    ) -> Result<Option<RefreshTokenRecord>, StoreError> {
        let row = Entity::find()
            .filter(Column::Hash.eq(hash))
            .one(&self.db())
            .await?;
        row.map(RefreshTokenRecord::try_from).transpose()
    }
}

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if its user does not exist.
    pub async fn refresh_token_insert(&self, token: &RefreshTokenRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(token.id),
            user_id: Set(token.user.0),
            hash: Set(token.hash.clone()),
            family: Set(token.family),
            expires_at: Set(millis(token.expires_at)),
            used_at: Set(token.used_at.map(millis)),
            created_at: Set(millis(token.created_at)),
        };
        let inserted = Entity::insert(row).exec_without_returning(&self.db()).await;
        inserted
            .map_err(|error| StoreError::inserting(error, || "such a refresh token".to_owned()))?;
        Ok(())
    }

    /// Uses a token up. False if it was used before or does not exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn refresh_token_mark_used(
        &self,
        id: Uuid,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                used_at: Set(Some(millis(at))),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(Column::UsedAt.is_null())
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Revokes all tokens that descend from one sign-in, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn refresh_token_family_revoke(&self, family: Uuid) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Family.eq(family))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Forgets tokens that ended before `now`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn refresh_token_expired_delete(
        &self,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::ExpiresAt.lt(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use uuid::Uuid;

    use super::RefreshTokenRecord;
    use crate::{
        StoreError, now,
        testing::{store, user},
    };

    fn token(
        user: muster_api::id::UserId,
        hash: &str,
        family: Uuid,
        lasts: Duration,
    ) -> RefreshTokenRecord {
        RefreshTokenRecord {
            id: Uuid::now_v7(),
            user,
            hash: hash.to_owned(),
            family,
            expires_at: now() + lasts,
            used_at: None,
            created_at: now(),
        }
    }

    #[tokio::test]
    async fn a_token_is_used_once_and_goes_with_its_family() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let (family, other) = (Uuid::now_v7(), Uuid::now_v7());
        let first = token(ada.id, "h1", family, Duration::DAY);
        let kept = first.clone();
        let user_id = ada.id;
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.refresh_token_insert(&first).await?;
                    tx.refresh_token_insert(&token(ada.id, "h2", family, Duration::DAY))
                        .await?;
                    tx.refresh_token_insert(&token(ada.id, "h3", other, -Duration::DAY))
                        .await
                })
            })
            .await
            .unwrap();
        assert_eq!(
            store.refresh_token_by_hash("h1").await.unwrap(),
            Some(kept.clone())
        );

        let at = now();
        let used = store
            .write(move |tx| {
                Box::pin(async move {
                    let first = tx.refresh_token_mark_used(kept.id, at).await?;
                    let second = tx.refresh_token_mark_used(kept.id, at).await?;
                    Ok((first, second))
                })
            })
            .await
            .unwrap();
        assert_eq!(used, (true, false));
        assert_eq!(
            store
                .refresh_token_by_hash("h1")
                .await
                .unwrap()
                .unwrap()
                .used_at,
            Some(at)
        );

        let (expired, revoked) = store
            .write(move |tx| {
                Box::pin(async move {
                    Ok((
                        tx.refresh_token_expired_delete(at).await?,
                        tx.refresh_token_family_revoke(family).await?,
                    ))
                })
            })
            .await
            .unwrap();
        assert_eq!((expired, revoked), (1, 2));
        for hash in ["h1", "h2", "h3"] {
            assert_eq!(
                store.refresh_token_by_hash(hash).await.unwrap(),
                None,
                "{hash}"
            );
        }

        let orphan = token(
            muster_api::id::UserId(Uuid::now_v7()),
            "h4",
            family,
            Duration::DAY,
        );
        assert_ne!(orphan.user, user_id);
        let refused = store
            .write(|tx| Box::pin(async move { tx.refresh_token_insert(&orphan).await }))
            .await;
        assert!(matches!(refused, Err(StoreError::Reference)));
    }
}
