//! Mail on its way: what is to be written to whom, until a server has taken it.
//! Links are made when a mail is sent, so that no secret waits here.

use muster_api::id::UserId;
use sea_orm::{
    ActiveValue::Set, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect, entity::prelude::*,
    sea_query::OnConflict,
};
use time::OffsetDateTime;

use crate::{
    columns::{millis, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

mod mail {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mails")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub occasion: String,
        pub address: String,
        pub user_id: Option<Uuid>,
        pub attempts: i32,
        pub last_error: Option<String>,
        pub created_at: i64,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use mail::{ActiveModel, Column, Entity, Model};

/// A mail on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRecord {
    /// Names it.
    pub id: Uuid,
    /// Why it is written, such as `verify-email`.
    pub occasion: String,
    /// To which address.
    pub address: String,
    /// About whom, as far as that is known.
    pub user: Option<UserId>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// When it is tried next.
    pub due_at: OffsetDateTime,
}

impl TryFrom<Model> for MailRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            occasion: row.occasion,
            address: row.address,
            user: row.user_id.map(UserId),
            attempts: unsigned(row.attempts.into(), "mails.attempts")?,
            last_error: row.last_error,
            created_at: time(row.created_at)?,
            due_at: time(row.due_at)?,
        })
    }
}

impl Reader {
    /// At most `limit` mails that are due at `now`, the longest due first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn mail_list_due(
        &self,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<MailRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::DueAt.lte(millis(now)))
            .order_by_asc(Column::DueAt)
            .limit(u64::from(limit))
            .all(&self.db())
            .await?;
        rows.into_iter().map(MailRecord::try_from).collect()
    }

    /// When the next mail is due.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn mail_next_due(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let row = Entity::find()
            .order_by_asc(Column::DueAt)
            .one(&self.db())
            .await?;
        row.map(|row| time(row.due_at)).transpose()
    }

    /// How many mails are on their way.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn mail_count(&self) -> Result<u64, StoreError> {
        Ok(Entity::find().count(&self.db()).await?)
    }
}

impl Tx {
    /// Sends a mail on its way. One of the same occasion that is on its way to
    /// the same address already is enough: it is about whom this one is about
    /// from then on, and keeps its turn.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn mail_put(&self, mail: &MailRecord) -> Result<(), StoreError> {
        let row = Model {
            id: mail.id,
            occasion: mail.occasion.clone(),
            address: mail.address.clone(),
            user_id: mail.user.map(|user| user.0),
            attempts: i32::try_from(mail.attempts).unwrap_or(i32::MAX),
            last_error: mail.last_error.clone(),
            created_at: millis(mail.created_at),
            due_at: millis(mail.due_at),
        };
        Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::columns([Column::Occasion, Column::Address])
                    .update_column(Column::UserId)
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a mail: it was sent, or never will be.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn mail_delete(&self, id: Uuid) -> Result<(), StoreError> {
        Entity::delete_by_id(id).exec(&self.db()).await?;
        Ok(())
    }

    /// Notes that a mail was tried in vain, and when it is tried again.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn mail_failed(
        &self,
        mail: &MailRecord,
        error: &str,
        due_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let attempts = i32::try_from(mail.attempts).unwrap_or(i32::MAX);
        Entity::update_many()
            .set(ActiveModel {
                attempts: Set(attempts.saturating_add(1)),
                last_error: Set(Some(error.to_owned())),
                due_at: Set(millis(due_at)),
                ..Default::default()
            })
            .filter(Column::Id.eq(mail.id))
            .exec(&self.db())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use uuid::Uuid;

    use super::MailRecord;
    use crate::{
        now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn one_mail_of_a_kind_is_on_its_way_to_an_address() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let mail = |occasion: &str, address: &str| MailRecord {
            id: Uuid::now_v7(),
            occasion: occasion.to_owned(),
            address: address.to_owned(),
            user: None,
            attempts: 0,
            last_error: None,
            created_at: now(),
            due_at: now(),
        };
        let first = mail("reset-password", "a@example.org");
        let again = MailRecord {
            user: Some(ada.id),
            ..mail("reset-password", "a@example.org")
        };
        let other = mail("reset-password", "b@example.org");
        let (id, kept) = (ada.id, first.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    for mail in [&first, &again, &other] {
                        tx.mail_put(mail).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        assert_eq!(store.mail_count().await.unwrap(), 2);
        let due = store.mail_list_due(now(), 10).await.unwrap();
        assert_eq!((due[0].id, due[0].user), (kept.id, Some(id)));

        let later = now() + Duration::HOUR;
        let failed = due[0].clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.mail_failed(&failed, "it is down", later).await?;
                    tx.mail_delete(due[1].id).await
                })
            })
            .await
            .unwrap();
        assert!(store.mail_list_due(now(), 10).await.unwrap().is_empty());
        assert_eq!(store.mail_next_due().await.unwrap(), Some(later));
        let due = store.mail_list_due(later, 10).await.unwrap();
        assert_eq!(
            (due[0].attempts, due[0].last_error.as_deref()),
            (1, Some("it is down"))
        );
    }
}
