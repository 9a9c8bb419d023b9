//! Tickets: short-lived things that serve once, such as links in mails,
//! authorization codes and sign-ins half done. They are found by the hash of
//! their secret, which itself is not kept.

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

pub(crate) mod ticket {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tickets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub purpose: String,
        pub user_id: Option<Uuid>,
        #[sea_orm(column_type = "JsonBinary")]
        pub data: Json,
        pub created_at: i64,
        pub expires_at: i64,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use ticket::{ActiveModel, Column, Entity, Model};

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    /// The hash of its secret.
    pub hash: String,
    /// What it is for: a ticket serves no other purpose.
    pub purpose: String,
    /// Whom it concerns.
    pub user: Option<UserId>,
    /// What it carries.
    pub data: Value,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// When it was used.
    pub used_at: Option<OffsetDateTime>,
}

impl TryFrom<Model> for TicketRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            hash: row.hash,
            purpose: row.purpose,
            user: row.user_id.map(UserId),
            data: row.data,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            used_at: row.used_at.map(time).transpose()?,
        })
    }
}

impl Reader {
    /// The ticket of that hash and purpose, used or not, expired or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn ticket_get(
        &self,
        purpose: &str,
        hash: &str,
    ) -> Result<Option<TicketRecord>, StoreError> {
        let row = Entity::find_by_id(hash)
            .filter(Column::Purpose.eq(purpose))
            .one(&self.db())
            .await?;
        row.map(TicketRecord::try_from).transpose()
    }
}

impl Tx {
    /// Adds a ticket.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that hash.
    pub async fn ticket_insert(&self, ticket: &TicketRecord) -> Result<(), StoreError> {
        let row = Model {
            hash: ticket.hash.clone(),
            purpose: ticket.purpose.clone(),
            user_id: ticket.user.map(|user| user.0),
            data: ticket.data.clone(),
            created_at: millis(ticket.created_at),
            expires_at: millis(ticket.expires_at),
            used_at: ticket.used_at.map(millis),
        };
        let inserted = Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| StoreError::inserting(error, || "such a ticket".to_owned()))?;
        Ok(())
    }

    /// Uses a ticket up. False if it was used before, has expired or does not
    /// exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn ticket_use(&self, hash: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                used_at: Set(Some(millis(now))),
                ..Default::default()
            })
            .filter(Column::Hash.eq(hash))
            .filter(Column::UsedAt.is_null())
            .filter(Column::ExpiresAt.gt(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Changes what an unused ticket carries, and whom it concerns. False if
    /// there is none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn ticket_change(
        &self,
        hash: &str,
        user: Option<UserId>,
        data: Value,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                user_id: Set(user.map(|user| user.0)),
                data: Set(data),
                ..Default::default()
            })
            .filter(Column::Hash.eq(hash))
            .filter(Column::UsedAt.is_null())
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Takes back all tickets of a purpose that concern a user, and says how
    /// many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn ticket_withdraw(&self, purpose: &str, user: UserId) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Purpose.eq(purpose))
            .filter(Column::UserId.eq(user.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Forgets tickets that ended before `now`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn ticket_expired_delete(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::ExpiresAt.lt(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::Duration;

    use super::TicketRecord;
    use crate::{now, testing::store};

    fn ticket(hash: &str, lasts: Duration) -> TicketRecord {
        TicketRecord {
            hash: hash.to_owned(),
            purpose: "verify-email".to_owned(),
            user: None,
            data: json!({ "email": "ada@example.org" }),
            created_at: now(),
            expires_at: now() + lasts,
            used_at: None,
        }
    }

    #[tokio::test]
    async fn a_ticket_serves_once_for_one_purpose_while_it_lasts() {
        let (store, _dir) = store().await;
        let good = ticket("good", Duration::HOUR);
        let kept = good.clone();
        let used = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.ticket_insert(&good).await?;
                    tx.ticket_insert(&ticket("late", -Duration::HOUR)).await?;
                    assert!(tx.ticket_change("good", None, json!(1)).await?);
                    let mut used = Vec::new();
                    for hash in ["good", "good", "late", "none"] {
                        used.push(tx.ticket_use(hash, now()).await?);
                    }
                    assert!(!tx.ticket_change("good", None, json!(2)).await?);
                    assert_eq!(tx.ticket_expired_delete(now()).await?, 1);
                    Ok(used)
                })
            })
            .await
            .unwrap();
        assert_eq!(used, [true, false, false, false]);
        let found = store
            .ticket_get("verify-email", "good")
            .await
            .unwrap()
            .unwrap();
        assert!(found.used_at.is_some());
        assert_eq!((found.data, found.expires_at), (json!(1), kept.expires_at));
        assert_eq!(
            store
                .ticket_get("authorization-code", "good")
                .await
                .unwrap(),
            None
        );
    }
}
