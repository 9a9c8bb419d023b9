//! Entries from before there was a chain are put into it.

use muster_api::audit::{
    AuditEntry, AuditHead, AuditOutcome, entry_hash, genesis, without_fractions,
};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

use super::{HEAD, entry, head};
use crate::{
    columns::{signed, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

/// How many entries are held in memory at a time.
const BATCH: u64 = 500;

impl Reader {
    /// Whether the log is a chain already.
    pub(crate) async fn audit_is_adopted(&self) -> Result<bool, StoreError> {
        let head = head::Entity::find_by_id(HEAD).one(&self.db()).await?;
        Ok(head.is_some())
    }
}

impl Tx {
    /// Puts what an older version has written into the chain. Does nothing to a
    /// log that has one. A log that has hashes but no head any more is left as
    /// it is, for verification to find.
    ///
    /// # Errors
    /// If the log could not be read or written.
    pub(crate) async fn audit_adopt(&self) -> Result<(), StoreError> {
        if self.audit_is_adopted().await? {
            return Ok(());
        }
        let chained = entry::Entity::find()
            .filter(entry::Column::Hash.ne(""))
            .count(&self.db())
            .await?;
        if chained > 0 {
            tracing::warn!(
                "the audit log has lost its head; `muster audit verify --head` tells whether entries are missing"
            );
            return Ok(());
        }
        let mut last = AuditHead {
            number: 0,
            hash: genesis(),
        };
        loop {
            // Renumbered rows move down, never onto one that is still to come:
            // numbers grow, and each is at least as large as its count.
            let rows = entry::Entity::find()
                .filter(entry::Column::Hash.eq(""))
                .order_by_asc(entry::Column::Id)
                .limit(BATCH)
                .all(&self.db())
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                last = self.chain_row(row, &last).await?;
            }
        }
        self.audit_put_head(last.number, &last.hash).await
    }

    async fn chain_row(
        &self,
        row: entry::Model,
        last: &AuditHead,
    ) -> Result<AuditHead, StoreError> {
        let number = last.number + 1;
        let old = row.id;
        let entry = AuditEntry {
            at: time(row.at)?,
            actor: row.actor,
            credential: None,
            action: row.action,
            subject: row.subject,
            outcome: AuditOutcome::Done,
            reason: None,
            times: 1,
            before: row.before.map(without_fractions),
            after: row.after.map(without_fractions),
            origin: row.origin,
            request_id: row.request_id,
        };
        let hash = entry_hash(number, &last.hash, &entry);
        let changed = entry::ActiveModel {
            id: Set(signed(number)?),
            before: Set(entry.before),
            after: Set(entry.after),
            previous: Set(last.hash.as_str().to_owned()),
            hash: Set(hash.as_str().to_owned()),
            ..Default::default()
        };
        entry::Entity::update_many()
            .set(changed)
            .filter(entry::Column::Id.eq(old))
            .exec(&self.db())
            .await?;
        Ok(AuditHead { number, hash })
    }
}
