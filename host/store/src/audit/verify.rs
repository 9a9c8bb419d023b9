//! Whether the log is what was written.

use muster_api::audit::{AuditBreak, AuditHead, AuditRecord, AuditVerification, Chain, genesis};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};

use super::{HEAD, checkpoint, digest, entry, head, place, prune::tells_of};
use crate::{columns::signed, error::StoreError, reader::Reader, store::Store};

/// How many entries are held in memory at a time.
const BATCH: u64 = 500;

impl Store {
    /// Reads the whole log, as of one moment, and says where it first differs
    /// from what was written. `noted` is a place that somebody has kept
    /// elsewhere: without one, a log that was written anew from some entry on,
    /// with all its hashes, cannot be told from a good one.
    ///
    /// # Errors
    /// If the database could not be read. What makes no sense in it is no error
    /// but a finding.
    pub async fn audit_verify(
        &self,
        noted: Option<AuditHead>,
    ) -> Result<AuditVerification, StoreError> {
        self.read(move |db| Box::pin(async move { verify(db, noted).await }))
            .await
    }
}

async fn verify(db: &Reader, noted: Option<AuditHead>) -> Result<AuditVerification, StoreError> {
    let begin = db.audit_beginning().await?;
    let mut chain = Chain::after(begin.clone());
    let broken = match walk(db, &begin, noted.as_ref(), &mut chain).await? {
        Some(broken) => Some(broken),
        None => match end(db, &chain).await? {
            Some(broken) => Some(broken),
            None => beyond(db, &begin, noted.as_ref(), &chain).await?,
        },
    };
    Ok(AuditVerification {
        whole: broken.is_none(),
        broken,
        head: chain.head().clone(),
        entries: chain.entries(),
        pruned: begin.number,
    })
}

/// Goes through all entries.
async fn walk(
    db: &Reader,
    begin: &AuditHead,
    noted: Option<&AuditHead>,
    chain: &mut Chain,
) -> Result<Option<AuditBreak>, StoreError> {
    let mut last = i64::MIN;
    let mut limit = BATCH;
    let mut removal_told = begin.number == 0;
    loop {
        let rows = entry::Entity::find()
            .filter(entry::Column::Id.gt(last))
            .order_by_asc(entry::Column::Id)
            .limit(limit)
            .all(&db.db())
            .await;
        let rows = match rows.map_err(StoreError::from) {
            Ok(rows) => rows,
            // One row of these cannot be read: which?
            Err(StoreError::Damaged(_)) if limit > 1 => {
                limit = 1;
                continue;
            }
            Err(StoreError::Damaged(reason)) => {
                return Ok(broken(chain.head().number + 1, unreadable(&reason)));
            }
            Err(error) => return Err(error),
        };
        if rows.is_empty() {
            break;
        }
        for row in rows {
            last = row.id;
            let number = u64::try_from(row.id).unwrap_or_default();
            let record = match AuditRecord::try_from(row) {
                Ok(record) => record,
                Err(error) => return Ok(broken(number, unreadable(&error.to_string()))),
            };
            if let Err(fault) = chain.push(&record) {
                return Ok(Some(fault));
            }
            if noted.is_some_and(|noted| noted.number == number && noted.hash != record.hash) {
                return Ok(broken(number, NOT_THE_NOTED));
            }
            removal_told = removal_told || tells_of(&record.entry, begin);
        }
    }
    if removal_told {
        Ok(None)
    } else {
        let reason = "the entries before it were removed, and no entry tells of that";
        Ok(broken(begin.number + 1, reason))
    }
}

const NOT_THE_NOTED: &str = "it is another entry than the one that was noted";

/// Compares the last entry with what the head says.
async fn end(db: &Reader, chain: &Chain) -> Result<Option<AuditBreak>, StoreError> {
    let found = chain.head();
    let Some(row) = head::Entity::find_by_id(HEAD).one(&db.db()).await? else {
        return Ok(broken(found.number, "nothing says that the log ends here"));
    };
    let told = match place(row.number, &row.hash, "audit_head") {
        Ok(told) => told,
        Err(error) => return Ok(broken(found.number, unreadable(&error.to_string()))),
    };
    if told == *found {
        return Ok(None);
    }
    let reason = format!(
        "the log ends with entry {}, but {} were written",
        found.number, told.number
    );
    Ok(broken(found.number + 1, reason))
}

/// Looks for a noted place that is not among the entries.
async fn beyond(
    db: &Reader,
    begin: &AuditHead,
    noted: Option<&AuditHead>,
    chain: &Chain,
) -> Result<Option<AuditBreak>, StoreError> {
    let Some(noted) = noted else { return Ok(None) };
    let number = noted.number;
    if number > chain.head().number {
        let reason = format!(
            "it was noted, but the log ends with entry {}",
            chain.head().number
        );
        return Ok(broken(number, reason));
    }
    if number > begin.number {
        return Ok(None);
    }
    let known = if number == 0 {
        Some(genesis())
    } else {
        let row = checkpoint::Entity::find_by_id(signed(number)?)
            .one(&db.db())
            .await?;
        row.map(|row| digest(&row.hash, "audit_checkpoints.hash"))
            .transpose()?
    };
    Ok(match known {
        Some(hash) if hash == noted.hash => None,
        Some(_) => broken(number, NOT_THE_NOTED),
        None => broken(
            number,
            "it was removed because of its age, so that it cannot be compared any more; note a newer one",
        ),
    })
}

fn unreadable(why: &str) -> String {
    format!("it cannot be read: {why}")
}

fn broken(number: u64, reason: impl Into<String>) -> Option<AuditBreak> {
    Some(AuditBreak {
        number,
        reason: reason.into(),
    })
}
