//! The audit log: who changed what or was refused to, from where, before and
//! after. It only grows at its end, and is only removed from its beginning.
//!
//! Every entry holds the hash of the one before it. The entry is numbered and
//! hashed inside of the transaction that appends it, after the row of
//! `audit_head` was locked. On SQLite writers take turns anyway; on PostgreSQL
//! that lock is what makes a second transaction wait until the first one has
//! ended, and then follow what that one has left.

mod adopt;
mod prune;
pub(crate) mod tables;
#[cfg(test)]
mod tests;
mod verify;

use muster_api::{
    audit::{
        AuditEntry, AuditFilter, AuditHead, AuditOutcome, AuditRecord, entry_hash, genesis,
        without_fractions,
    },
    blocks::Digest,
    page::Page,
};
use sea_orm::{
    QueryOrder, QuerySelect, Select,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, OnConflict},
};

pub use self::prune::AuditKeep;
use self::tables::{checkpoint, entry, head};
use crate::{
    columns::{from_word, millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    text::fit_entry,
    tx::Tx,
};

/// The only row of `audit_head`.
const HEAD: i32 = 1;

impl TryFrom<entry::Model> for AuditRecord {
    type Error = StoreError;

    fn try_from(row: entry::Model) -> Result<Self, StoreError> {
        let entry = AuditEntry {
            at: time(row.at)?,
            actor: row.actor,
            credential: row.credential,
            action: row.action,
            subject: row.subject,
            outcome: from_word::<AuditOutcome>(row.outcome, "audit.outcome")?,
            reason: row.reason,
            times: unsigned(row.times, "audit.times")?,
            before: row.before,
            after: row.after,
            origin: row.origin,
            request_id: row.request_id,
        };
        Ok(Self {
            number: unsigned(row.id, "audit.id")?,
            entry,
            previous: digest(&row.previous, "audit.previous")?,
            hash: digest(&row.hash, "audit.hash")?,
        })
    }
}

impl Reader {
    /// At most `limit` entries that match, newest first, from the one before
    /// `cursor` on. The next page's cursor is the last number.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn audit_list(
        &self,
        filter: &AuditFilter,
        cursor: Option<u64>,
        limit: u32,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let mut question = matching(filter)
            .order_by_desc(entry::Column::Id)
            .limit(u64::from(limit) + 1);
        if let Some(number) = cursor {
            question = question.filter(entry::Column::Id.lt(signed(number)?));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |record: &AuditRecord| {
            record.number.to_string()
        })
    }

    /// At most `limit` entries that match, oldest first, from the one after
    /// `number` on.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn audit_after(
        &self,
        filter: &AuditFilter,
        number: u64,
        limit: u64,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = matching(filter)
            .filter(entry::Column::Id.gt(signed(number)?))
            .order_by_asc(entry::Column::Id)
            .limit(limit)
            .all(&self.db())
            .await?;
        rows.into_iter().map(AuditRecord::try_from).collect()
    }

    /// The newest entry's place; number 0 if there never was one.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        match head::Entity::find_by_id(HEAD).one(&self.db()).await? {
            Some(row) => place(row.number, &row.hash, "audit_head"),
            None => self.audit_end().await,
        }
    }

    /// The last entry that was removed because of its age; number 0 if none was.
    async fn audit_beginning(&self) -> Result<AuditHead, StoreError> {
        let newest = checkpoint::Entity::find()
            .order_by_desc(checkpoint::Column::Number)
            .one(&self.db())
            .await?;
        match newest {
            Some(row) => place(row.number, &row.hash, "audit_checkpoints"),
            None => Ok(AuditHead {
                number: 0,
                hash: genesis(),
            }),
        }
    }

    /// The place of the last entry that is there, whatever the head says.
    async fn audit_end(&self) -> Result<AuditHead, StoreError> {
        let last = entry::Entity::find()
            .order_by_desc(entry::Column::Id)
            .one(&self.db())
            .await?;
        match last {
            Some(row) => place(row.id, &row.hash, "audit"),
            None => self.audit_beginning().await,
        }
    }
}

impl Tx {
    /// Appends to the log and returns the entry's number. Fractions in `before`
    /// and `after` are kept as text.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn audit_append(&self, entry: &AuditEntry) -> Result<u64, StoreError> {
        let last = head::Entity::find_by_id(HEAD)
            .lock_exclusive()
            .one(&self.db())
            .await?;
        let last = match last {
            Some(row) => place(row.number, &row.hash, "audit_head")?,
            None => self.audit_end().await?,
        };
        let number = last.number + 1;
        let mut entry = entry.clone();
        fit_entry(&mut entry);
        entry.before = entry.before.map(without_fractions);
        entry.after = entry.after.map(without_fractions);
        let record = AuditRecord {
            hash: entry_hash(number, &last.hash, &entry),
            previous: last.hash,
            number,
            entry,
        };
        entry::Entity::insert(row(&record)?)
            .exec_without_returning(&self.db())
            .await?;
        self.audit_put_head(number, &record.hash).await?;
        Ok(number)
    }

    async fn audit_put_head(&self, number: u64, hash: &Digest) -> Result<(), StoreError> {
        let row = head::Model {
            id: HEAD,
            number: signed(number)?,
            hash: hash.as_str().to_owned(),
        };
        head::Entity::insert(head::ActiveModel::from(row).reset_all())
            .on_conflict(
                OnConflict::column(head::Column::Id)
                    .update_columns([head::Column::Number, head::Column::Hash])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }
}

fn row(record: &AuditRecord) -> Result<entry::ActiveModel, StoreError> {
    let entry = record.entry.clone();
    let model = entry::Model {
        id: signed(record.number)?,
        at: millis(entry.at),
        actor: entry.actor,
        credential: entry.credential,
        action: entry.action,
        subject: entry.subject,
        outcome: entry.outcome.as_str().to_owned(),
        reason: entry.reason,
        times: signed(entry.times)?,
        before: entry.before,
        after: entry.after,
        origin: entry.origin,
        request_id: entry.request_id,
        previous: record.previous.as_str().to_owned(),
        hash: record.hash.as_str().to_owned(),
    };
    Ok(entry::ActiveModel::from(model).reset_all())
}

fn digest(text: &str, column: &str) -> Result<Digest, StoreError> {
    Digest::parse(text).map_err(|_| StoreError::Damaged(format!("{column}: '{text}' is no hash")))
}

fn place(number: i64, hash: &str, table: &str) -> Result<AuditHead, StoreError> {
    Ok(AuditHead {
        number: unsigned(number, table)?,
        hash: digest(hash, table)?,
    })
}

fn matching(filter: &AuditFilter) -> Select<entry::Entity> {
    use entry::Column;
    let mut question = entry::Entity::find();
    for (column, wanted) in [
        (Column::Actor, &filter.actor),
        (Column::Subject, &filter.subject),
        (Column::Origin, &filter.origin),
    ] {
        if let Some(wanted) = wanted {
            question = question.filter(column.eq(wanted.as_str()));
        }
    }
    if let Some(prefix) = filter.action.as_deref().filter(|text| !text.is_empty()) {
        // Databases differ in whether LIKE minds the case.
        let length = i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX);
        let beginning = Func::cust("substr")
            .arg(Expr::col(Column::Action))
            .arg(1)
            .arg(length);
        question = question.filter(Expr::expr(beginning).eq(prefix));
    }
    if let Some(outcome) = filter.outcome {
        question = question.filter(Column::Outcome.eq(outcome.as_str()));
    }
    if let Some(since) = filter.since {
        question = question.filter(Column::At.gte(millis(since)));
    }
    if let Some(until) = filter.until {
        question = question.filter(Column::At.lt(millis(until)));
    }
    question
}
