//! Requests that carried an idempotency key, and what they were answered. A
//! request is written down before it is carried out, so that one which was cut
//! short is known to have been begun.

use sea_orm::{ActiveValue::Set, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod request {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub caller: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub fingerprint: String,
        pub status: Option<i64>,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub headers: Option<Json>,
        pub body: Option<Vec<u8>>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use request::{ActiveModel, Column, Entity, Model};

/// A request that carried an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Who sent it.
    pub caller: String,
    /// The key, which is the caller's own choice.
    pub key: String,
    /// What tells this request from others.
    pub fingerprint: String,
    /// What it was answered; `None` until it is.
    pub answer: Option<AnswerRecord>,
    /// When it came.
    pub created_at: OffsetDateTime,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRecord {
    /// The HTTP status.
    pub status: u16,
    /// Names and values of header fields.
    pub headers: Vec<(String, String)>,
    /// The body; `None` if it is not kept.
    pub body: Option<Vec<u8>>,
}

impl TryFrom<Model> for IdempotencyRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let answer = match row.status {
            None => None,
            Some(status) => Some(AnswerRecord {
                status: unsigned(status, "idempotency.status")?,
                headers: row
                    .headers
                    .map(|headers| from_json(headers, "idempotency.headers"))
                    .transpose()?
                    .unwrap_or_default(),
                body: row.body,
            }),
        };
        Ok(Self {
            caller: row.caller,
            key: row.key,
            fingerprint: row.fingerprint,
            answer,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// The request that a caller sent with that key.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn idempotency_get(
        &self,
        caller: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        Entity::find_by_id((caller.to_owned(), key.to_owned()))
            .one(&self.db())
            .await?
            .map(IdempotencyRecord::try_from)
            .transpose()
    }
}

impl Tx {
    /// Writes down that a request has come. Does nothing but return the earlier
    /// request if the caller used the key before.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn idempotency_begin(
        &self,
        request: &IdempotencyRecord,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let earlier = self.idempotency_get(&request.caller, &request.key).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        let row = ActiveModel {
            caller: Set(request.caller.clone()),
            key: Set(request.key.clone()),
            fingerprint: Set(request.fingerprint.clone()),
            created_at: Set(millis(request.created_at)),
            ..Default::default()
        };
        Entity::insert(row)
            .exec_without_returning(&self.db())
            .await?;
        Ok(None)
    }

    /// Keeps what a request was answered.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn idempotency_end(
        &self,
        caller: &str,
        key: &str,
        answer: &AnswerRecord,
    ) -> Result<(), StoreError> {
        let change = ActiveModel {
            status: Set(Some(i64::from(answer.status))),
            headers: Set(Some(json(&answer.headers)?)),
            body: Set(answer.body.clone()),
            ..Default::default()
        };
        Entity::update_many()
            .set(change)
            .filter(Column::Caller.eq(caller))
            .filter(Column::Key.eq(key))
            .exec(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a request: its key may be used again.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn idempotency_forget(&self, caller: &str, key: &str) -> Result<(), StoreError> {
        Entity::delete_by_id((caller.to_owned(), key.to_owned()))
            .exec(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets requests that came before `before`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn idempotency_expired_delete(
        &self,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::CreatedAt.lt(millis(before)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::{AnswerRecord, IdempotencyRecord};
    use crate::{now, testing::store};

    #[tokio::test]
    async fn the_first_of_a_key_is_kept_until_it_expires() {
        let (store, _dir) = store().await;
        let request = |fingerprint: &str| IdempotencyRecord {
            caller: "ada".to_owned(),
            key: "k".to_owned(),
            fingerprint: fingerprint.to_owned(),
            answer: None,
            created_at: now(),
        };
        let (first, second) = (request("1"), request("2"));
        let answer = AnswerRecord {
            status: 202,
            headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
            body: Some(b"{}".to_vec()),
        };
        let (begun, told) = (first.clone(), answer.clone());
        let earlier = store
            .write(move |tx| {
                Box::pin(async move {
                    assert_eq!(tx.idempotency_begin(&begun).await?, None);
                    let earlier = tx.idempotency_begin(&second).await?;
                    tx.idempotency_end("ada", "k", &told).await?;
                    tx.idempotency_expired_delete(begun.created_at - Duration::HOUR)
                        .await?;
                    Ok(earlier)
                })
            })
            .await
            .unwrap();
        assert_eq!(earlier, Some(first.clone()));
        let found = store.idempotency_get("ada", "k").await.unwrap().unwrap();
        assert_eq!(
            (found.fingerprint, found.answer),
            ("1".to_owned(), Some(answer))
        );
        assert_eq!(store.idempotency_get("bob", "k").await.unwrap(), None);

        let gone = store
            .write(move |tx| {
                Box::pin(async move { tx.idempotency_expired_delete(now() + Duration::HOUR).await })
            })
            .await
            .unwrap();
        assert_eq!(gone, 1);
        assert_eq!(store.idempotency_get("ada", "k").await.unwrap(), None);
    }
}
