//! What is too old goes, from the beginning on. The last entry that went is
//! kept as a checkpoint, at which the rest of the chain begins; and an entry at
//! the end of the log says so, by which verification knows the checkpoint.

use muster_api::audit::{AuditEntry, AuditHead, AuditOutcome};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{checkpoint, entry, place};
use crate::{
    columns::{millis, now, signed, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

/// The action by which the log tells that its beginning was removed.
const ACTION: &str = "audit.prune";
/// Who does that.
const ACTOR: &str = "(host)";

/// Which entries stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditKeep {
    /// Those from this moment on; all if there is none.
    pub since: Option<OffsetDateTime>,
    /// At most so many; when there are more, the oldest tenth goes.
    pub entries: u64,
}

impl Tx {
    /// Removes at most `limit` entries that need not be kept, and says how many.
    /// Several rounds remove all of them, each as a transaction of its own.
    ///
    /// # Errors
    /// If the log could not be read or written.
    pub async fn audit_prune(&self, keep: AuditKeep, limit: u64) -> Result<u64, StoreError> {
        let begin = self.audit_beginning().await?.number;
        let wanted = self.last_to_go(keep, begin).await?;
        let through = wanted.min(begin.saturating_add(limit));
        if through <= begin {
            return Ok(0);
        }
        let Some(last) = entry::Entity::find_by_id(signed(through)?)
            .one(&self.db())
            .await?
        else {
            // The chain is broken here. What remains is evidence.
            tracing::warn!(
                entry = through,
                "the audit log lacks an entry, so nothing is removed from it; see `muster audit verify`"
            );
            return Ok(0);
        };
        let last = place(last.id, &last.hash, "audit.hash")?;
        let gone = entry::Entity::delete_many()
            .filter(entry::Column::Id.lte(signed(through)?))
            .exec(&self.db())
            .await?
            .rows_affected;
        let row = checkpoint::Model {
            number: signed(through)?,
            hash: last.hash.as_str().to_owned(),
            entries: signed(gone)?,
            at: millis(now()),
        };
        checkpoint::Entity::insert(checkpoint::ActiveModel::from(row).reset_all())
            .exec_without_returning(&self.db())
            .await?;
        self.audit_append(&told(&last, gone)).await?;
        Ok(gone)
    }
}

impl Reader {
    /// The number of the last entry that need not be kept.
    async fn last_to_go(&self, keep: AuditKeep, begin: u64) -> Result<u64, StoreError> {
        let end = self.audit_head().await?.number;
        let count = end.saturating_sub(begin);
        let too_many = if count > keep.entries {
            end.saturating_sub(keep.entries - keep.entries / 10)
        } else {
            0
        };
        let Some(since) = keep.since else {
            return Ok(too_many);
        };
        let first_to_stay = entry::Entity::find()
            .filter(entry::Column::At.gte(millis(since)))
            .order_by_asc(entry::Column::Id)
            .limit(1)
            .one(&self.db())
            .await?;
        let too_old = match first_to_stay {
            Some(row) => unsigned::<u64>(row.id, "audit.id")?.saturating_sub(1),
            None => end,
        };
        Ok(too_old.max(too_many))
    }
}

fn told(last: &AuditHead, gone: u64) -> AuditEntry {
    AuditEntry {
        at: now(),
        actor: ACTOR.to_owned(),
        credential: None,
        action: ACTION.to_owned(),
        subject: "audit".to_owned(),
        outcome: AuditOutcome::Done,
        reason: None,
        times: 1,
        before: None,
        after: Some(checkpoint_value(last, gone)),
        origin: None,
        request_id: None,
    }
}

fn checkpoint_value(last: &AuditHead, gone: u64) -> Value {
    json!({ "through": last.number, "hash": last.hash, "entries": gone })
}

/// Whether an entry tells of the removal up to that place.
pub(super) fn tells_of(entry: &AuditEntry, last: &AuditHead) -> bool {
    let Some(after) = entry.after.as_ref().filter(|_| entry.action == ACTION) else {
        return false;
    };
    entry.actor == ACTOR
        && after["through"] == json!(last.number)
        && after["hash"] == json!(last.hash)
}
