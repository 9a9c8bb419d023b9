//! Access keys: what programs show in place of a password.

use muster_api::{id::UserId, page::Page, permissions::Permission};
use sea_orm::{
    ActiveValue::Set, Condition, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*,
};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: Option<Uuid>,
        pub name: String,
        pub secret_hash: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub scopes: Option<Json>,
        #[sea_orm(column_type = "JsonBinary")]
        pub networks: Json,
        pub internal: bool,
        pub created_at: i64,
        pub rotated_at: i64,
        pub expires_at: Option<i64>,
        pub revoked_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub last_used_from: Option<String>,
        pub previous_hash: Option<String>,
        pub previous_until: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use key::{ActiveModel, Column, Entity, Model};

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// Names the key for life.
    pub id: String,
    /// For whom it acts; nobody for the host's own.
    pub user: Option<UserId>,
    /// What it is for.
    pub name: String,
    /// The hash of its secret.
    pub secret_hash: String,
    /// The hash of the secret before, and until when that is good.
    pub previous: Option<(String, OffsetDateTime)>,
    /// What it may do at most.
    pub scopes: Option<Vec<Permission>>,
    /// From where it may be used; from anywhere if empty.
    pub networks: Vec<String>,
    /// Whether it is the host's own.
    pub internal: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it got its secret.
    pub rotated_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used.
    pub last_used_at: Option<OffsetDateTime>,
    /// The address that it was last used from.
    pub last_used_from: Option<String>,
}

impl TryFrom<Model> for AccessKeyRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let scopes = row
            .scopes
            .map(|scopes| from_json(scopes, "access_keys.scopes"));
        let previous = match (row.previous_hash, row.previous_until) {
            (Some(hash), Some(until)) => Some((hash, time(until)?)),
            _ => None,
        };
        Ok(Self {
            id: row.id,
            user: row.user_id.map(UserId),
            name: row.name,
            secret_hash: row.secret_hash,
            previous,
            scopes: scopes.transpose()?,
            networks: from_json(row.networks, "access_keys.networks")?,
            internal: row.internal,
            created_at: time(row.created_at)?,
            rotated_at: time(row.rotated_at)?,
            expires_at: row.expires_at.map(time).transpose()?,
            revoked_at: row.revoked_at.map(time).transpose()?,
            last_used_at: row.last_used_at.map(time).transpose()?,
            last_used_from: row.last_used_from,
        })
    }
}

fn row(key: &AccessKeyRecord) -> Result<Model, StoreError> {
    let (previous_hash, previous_until) = key.previous.clone().unzip();
    Ok(Model {
        id: key.id.clone(),
        user_id: key.user.map(|user| user.0),
        name: key.name.clone(),
        secret_hash: key.secret_hash.clone(),
        scopes: key.scopes.as_ref().map(json).transpose()?,
        networks: json(&key.networks)?,
        internal: key.internal,
        created_at: millis(key.created_at),
        rotated_at: millis(key.rotated_at),
        expires_at: key.expires_at.map(millis),
        revoked_at: key.revoked_at.map(millis),
        last_used_at: key.last_used_at.map(millis),
        last_used_from: key.last_used_from.clone(),
        previous_hash,
        previous_until: previous_until.map(millis),
    })
}

impl Reader {
    /// An access key, good or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn access_key_get(&self, id: &str) -> Result<Option<AccessKeyRecord>, StoreError> {
        let row = Entity::find_by_id(id).one(&self.db()).await?;
        row.map(AccessKeyRecord::try_from).transpose()
    }

    /// At most `limit` access keys by id, from the one after `cursor` on; of one
    /// user if told.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn access_key_list(
        &self,
        user: Option<UserId>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AccessKeyRecord>, StoreError> {
        let mut question = Entity::find()
            .order_by_asc(Column::Id)
            .limit(u64::from(limit) + 1);
        if let Some(user) = user {
            question = question.filter(Column::UserId.eq(user.0));
        }
        if let Some(id) = cursor {
            question = question.filter(Column::Id.gt(id));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |key: &AccessKeyRecord| key.id.clone())
    }
}

impl Tx {
    /// Adds an access key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken, [`StoreError::Reference`] if
    /// there is no such user.
    pub async fn access_key_insert(&self, key: &AccessKeyRecord) -> Result<(), StoreError> {
        let inserted = Entity::insert(row(key)?.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("an access key '{}'", key.id))
        })?;
        Ok(())
    }

    /// Writes an access key as it is now. False if there is none of that id.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_key_update(&self, key: &AccessKeyRecord) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(row(key)?.into_active_model().reset_all())
            .filter(Column::Id.eq(key.id.clone()))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Notes that an access key was used, unless a use later than `since` is
    /// noted already.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_key_used(
        &self,
        id: &str,
        at: OffsetDateTime,
        from: Option<&str>,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let long_ago = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lte(millis(since)));
        let done = Entity::update_many()
            .set(ActiveModel {
                last_used_at: Set(Some(millis(at))),
                last_used_from: Set(from.map(str::to_owned)),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(long_ago)
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Forgets an access key. False if there is none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_key_delete(&self, id: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(id).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Forgets access keys that were revoked or expired before `before`, and
    /// says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn access_key_gone_delete(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let gone = Condition::any()
            .add(Column::RevokedAt.lt(millis(before)))
            .add(Column::ExpiresAt.lt(millis(before)));
        let done = Entity::delete_many().filter(gone).exec(&self.db()).await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::permissions::Permission;
    use time::Duration;

    use super::AccessKeyRecord;
    use crate::{
        now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn a_key_is_kept_used_and_forgotten() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let mut key = AccessKeyRecord {
            id: "MKA".to_owned(),
            user: Some(ada.id),
            name: "backup".to_owned(),
            secret_hash: "h".to_owned(),
            previous: Some(("g".to_owned(), now())),
            scopes: Some(vec![Permission::AppRead]),
            networks: vec!["10.0.0.0/8".to_owned()],
            internal: false,
            created_at: now(),
            rotated_at: now(),
            expires_at: Some(now() + Duration::DAY),
            revoked_at: None,
            last_used_at: None,
            last_used_from: None,
        };
        let (id, kept) = (ada.id, key.clone());
        let other = AccessKeyRecord {
            id: "MKB".to_owned(),
            user: None,
            expires_at: None,
            ..key.clone()
        };
        let at = now();
        let noted = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.access_key_insert(&kept).await?;
                    tx.access_key_insert(&other).await?;
                    let minute = Duration::MINUTE;
                    let mut noted = Vec::new();
                    for later in [Duration::ZERO, Duration::SECOND, minute] {
                        let at = at + later;
                        noted.push(
                            tx.access_key_used("MKA", at, Some("::1"), at - minute)
                                .await?,
                        );
                    }
                    Ok(noted)
                })
            })
            .await
            .unwrap();
        assert_eq!(noted, [true, false, true]);
        key.last_used_at = Some(at + Duration::MINUTE);
        key.last_used_from = Some("::1".to_owned());
        let page = store.access_key_list(Some(id), None, 9).await.unwrap();
        assert_eq!(page.items, [key.clone()]);
        let page = store.access_key_list(None, Some("MKA"), 9).await.unwrap();
        assert_eq!(page.items[0].id, "MKB");

        let forgotten = store
            .write(move |tx| {
                Box::pin(async move {
                    key.previous = None;
                    key.revoked_at = Some(now());
                    assert!(tx.access_key_update(&key).await?);
                    let early = tx.access_key_gone_delete(now() - Duration::DAY).await?;
                    Ok((
                        early,
                        tx.access_key_gone_delete(now() + Duration::DAY).await?,
                    ))
                })
            })
            .await
            .unwrap();
        assert_eq!(forgotten, (0, 1));
        assert!(store.access_key_get("MKA").await.unwrap().is_none());
    }
}
