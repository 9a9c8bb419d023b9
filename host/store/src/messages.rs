//! Messages: durable work that waits for whoever does it, put here by the very
//! transaction that gives cause for it. A bus may carry word of them; what holds is
//! what stands here.

use muster_api::{id::UserId, page::Page};
use sea_orm::{
    ActiveValue::Set, Condition, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryOrder,
    QuerySelect, entity::prelude::*,
};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{millis, page, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod message {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "messages")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub queue: String,
        pub key: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub body: Json,
        pub user_id: Option<Uuid>,
        pub attempts: i32,
        pub last_error: Option<String>,
        pub created_at: i64,
        pub due_at: i64,
        pub sent_at: Option<i64>,
        pub taken_at: Option<i64>,
        pub dead_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use message::{ActiveModel, Column, Entity, Model};

/// Work that waits, is at hand, or was given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageRecord {
    /// Names it.
    pub id: Uuid,
    /// Where it waits.
    pub queue: String,
    /// What makes it the same as another one of its queue.
    pub key: String,
    /// What is to be done.
    pub body: Value,
    /// The user whom it is about, with whom it goes.
    pub user: Option<UserId>,
    /// How often it was begun.
    pub attempts: u32,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// When it was put here.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it is to be done, at the earliest.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// When the bus took word of it, since it was due.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sent_at: Option<OffsetDateTime>,
    /// Since when it is being done.
    #[serde(with = "time::serde::rfc3339::option")]
    pub taken_at: Option<OffsetDateTime>,
    /// When it was given up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub dead_at: Option<OffsetDateTime>,
}

/// How much is in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// What waits.
    pub waiting: u64,
    /// What the bus has, or is being done.
    pub in_flight: u64,
    /// What was given up.
    pub dead: u64,
    /// Since when the oldest waits or is being done.
    pub oldest: Option<OffsetDateTime>,
}

impl MessageRecord {
    /// A message that is due now.
    #[must_use]
    pub fn new(id: Uuid, queue: &str, key: impl Into<String>, body: Value) -> Self {
        let now = crate::now();
        Self {
            id,
            queue: queue.to_owned(),
            key: key.into(),
            body,
            user: None,
            attempts: 0,
            last_error: None,
            created_at: now,
            due_at: now,
            sent_at: None,
            taken_at: None,
            dead_at: None,
        }
    }
}

impl TryFrom<Model> for MessageRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            queue: row.queue,
            key: row.key,
            body: row.body,
            user: row.user_id.map(UserId),
            attempts: unsigned(row.attempts.into(), "messages.attempts")?,
            last_error: row.last_error,
            created_at: time(row.created_at)?,
            due_at: time(row.due_at)?,
            sent_at: row.sent_at.map(time).transpose()?,
            taken_at: row.taken_at.map(time).transpose()?,
            dead_at: row.dead_at.map(time).transpose()?,
        })
    }
}

/// What was not given up and is not being done.
fn waits(queue: &str) -> Condition {
    Condition::all()
        .add(Column::Queue.eq(queue))
        .add(Column::DeadAt.is_null())
        .add(Column::TakenAt.is_null())
}

impl Reader {
    /// A message.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn message_get(&self, id: Uuid) -> Result<Option<MessageRecord>, StoreError> {
        let row = Entity::find_by_id(id).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// At most `limit` messages of a queue, the oldest first, from the one after
    /// `cursor` on; if told, only those that were given up, or that were not. The
    /// next page's cursor is the last id.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn message_list(
        &self,
        queue: &str,
        dead: Option<bool>,
        cursor: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<MessageRecord>, StoreError> {
        let mut question = Entity::find()
            .filter(Column::Queue.eq(queue))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit) + 1);
        match dead {
            Some(true) => question = question.filter(Column::DeadAt.is_not_null()),
            Some(false) => question = question.filter(Column::DeadAt.is_null()),
            None => {}
        }
        if let Some(id) = cursor {
            question = question.filter(Column::Id.gt(id));
        }
        let rows = question.all(&self.db()).await?;
        page(rows, limit, |message: &MessageRecord| {
            message.id.to_string()
        })
    }

    /// At most `limit` messages of a queue that are due at `now`, the longest due
    /// first. Of those that the bus has, only what it was given before `overdue`.
    /// Nothing is put off until after `latest`: what seems to be was by a clock that
    /// was wrong, and is due, too.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn message_list_due(
        &self,
        queue: &str,
        now: OffsetDateTime,
        (overdue, latest): (OffsetDateTime, OffsetDateTime),
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let lost = Condition::any()
            .add(Column::SentAt.is_null())
            .add(Column::SentAt.lte(millis(overdue)))
            .add(Column::SentAt.gt(millis(latest)));
        let due = Condition::any()
            .add(Column::DueAt.lte(millis(now)))
            .add(Column::DueAt.gt(millis(latest)));
        let rows = Entity::find()
            .filter(waits(queue))
            .filter(due)
            .filter(lost)
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// When the next message of a queue is due that waits.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn message_next_due(
        &self,
        queue: &str,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        let row = Entity::find()
            .filter(waits(queue))
            .filter(Column::SentAt.is_null())
            .order_by_asc(Column::DueAt)
            .one(&self.db())
            .await?;
        row.map(|row| time(row.due_at)).transpose()
    }

    /// How much is in a queue.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn message_counts(&self, queue: &str) -> Result<QueueCounts, StoreError> {
        #[derive(FromQueryResult)]
        struct Oldest {
            oldest: Option<i64>,
        }
        let all = || Entity::find().filter(Column::Queue.eq(queue));
        let live = || all().filter(Column::DeadAt.is_null());
        let waiting = live()
            .filter(Column::SentAt.is_null())
            .filter(Column::TakenAt.is_null());
        let oldest = live()
            .select_only()
            .column_as(Column::CreatedAt.min(), "oldest")
            .into_model::<Oldest>()
            .one(&self.db())
            .await?;
        let (waiting, live) = (
            waiting.count(&self.db()).await?,
            live().count(&self.db()).await?,
        );
        Ok(QueueCounts {
            waiting,
            in_flight: live.saturating_sub(waiting),
            dead: all()
                .filter(Column::DeadAt.is_not_null())
                .count(&self.db())
                .await?,
            oldest: oldest.and_then(|it| it.oldest).map(time).transpose()?,
        })
    }
}

impl Tx {
    /// Puts a message into its queue. One of the same key that waits there is
    /// enough: it has this one's body and is about whom this one is about from then
    /// on, and keeps its turn.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn message_put(&self, message: &MessageRecord) -> Result<(), StoreError> {
        let same = ActiveModel {
            body: Set(message.body.clone()),
            user_id: Set(message.user.map(|user| user.0)),
            ..Default::default()
        };
        let known = Entity::update_many()
            .set(same)
            .filter(waits(&message.queue))
            .filter(Column::Key.eq(&message.key))
            .exec(&self.db())
            .await?;
        if known.rows_affected > 0 {
            return Ok(());
        }
        let row = Model {
            id: message.id,
            queue: message.queue.clone(),
            key: message.key.clone(),
            body: message.body.clone(),
            user_id: message.user.map(|user| user.0),
            attempts: i32::try_from(message.attempts).unwrap_or(i32::MAX),
            last_error: message.last_error.clone(),
            created_at: millis(message.created_at),
            due_at: millis(message.due_at),
            sent_at: message.sent_at.map(millis),
            taken_at: message.taken_at.map(millis),
            dead_at: message.dead_at.map(millis),
        };
        Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Notes that the bus has word of messages, unless they are being done by now.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_sent(&self, ids: &[Uuid], at: OffsetDateTime) -> Result<(), StoreError> {
        let change = ActiveModel {
            sent_at: Set(Some(millis(at))),
            ..Default::default()
        };
        Entity::update_many()
            .set(change)
            .filter(Column::Id.is_in(ids.iter().copied()))
            .filter(Column::TakenAt.is_null())
            .exec(&self.db())
            .await?;
        Ok(())
    }

    /// Takes a message to do it, which counts as an attempt. `None` if it is not to
    /// be done now: done, given up, being done, or due later, but not after `latest`.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_take(
        &self,
        id: Uuid,
        (now, latest): (OffsetDateTime, OffsetDateTime),
    ) -> Result<Option<MessageRecord>, StoreError> {
        let Some(found) = self.message_get(id).await? else {
            return Ok(None);
        };
        let later = found.due_at > now && found.due_at <= latest;
        if found.dead_at.is_some() || found.taken_at.is_some() || later {
            return Ok(None);
        }
        let taken = MessageRecord {
            attempts: found.attempts.saturating_add(1),
            taken_at: Some(now),
            sent_at: None,
            ..found
        };
        self.message_change(
            id,
            ActiveModel {
                attempts: Set(i32::try_from(taken.attempts).unwrap_or(i32::MAX)),
                taken_at: Set(taken.taken_at.map(millis)),
                sent_at: Set(None),
                ..Default::default()
            },
        )
        .await?;
        Ok(Some(taken))
    }

    /// Puts a message back that was not done: it is due at `due_at` once more, after
    /// so many `attempts`.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_put_back(
        &self,
        id: Uuid,
        attempts: u32,
        error: Option<&str>,
        due_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.message_change(
            id,
            ActiveModel {
                attempts: Set(i32::try_from(attempts).unwrap_or(i32::MAX)),
                last_error: Set(error.map(str::to_owned)),
                due_at: Set(millis(due_at)),
                sent_at: Set(None),
                taken_at: Set(None),
                dead_at: Set(None),
                ..Default::default()
            },
        )
        .await
    }

    /// Gives a message up. It stays, so that somebody can look at it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_bury(
        &self,
        id: Uuid,
        error: &str,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.message_change(
            id,
            ActiveModel {
                last_error: Set(Some(error.to_owned())),
                sent_at: Set(None),
                taken_at: Set(None),
                dead_at: Set(Some(millis(at))),
                ..Default::default()
            },
        )
        .await
    }

    /// Puts everything of a queue back that was being done or that the bus had, for
    /// whoever begins to work on it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_release(&self, queue: &str) -> Result<u64, StoreError> {
        let change = ActiveModel {
            sent_at: Set(None),
            taken_at: Set(None),
            ..Default::default()
        };
        let held = Condition::any()
            .add(Column::SentAt.is_not_null())
            .add(Column::TakenAt.is_not_null());
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Queue.eq(queue))
            .filter(held)
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Forgets a message: it was done, or never will be. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_delete(&self, id: Uuid) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(id).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Forgets what was given up before `before`, and says how many that were.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn message_dead_delete(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::DeadAt.lt(millis(before)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    async fn message_change(&self, id: Uuid, change: ActiveModel) -> Result<(), StoreError> {
        Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id))
            .exec(&self.db())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
