//! Carries all that a store knows over into another one, from either database to
//! either: table by table from one unchanging state, in batches, and compares
//! both sides at the end.
//!
//! What is written to the store meanwhile is not carried over: whoever asks for
//! the copy sees to it that nothing is. A copy that was broken off leaves a mark
//! behind, by which the next one knows that it may begin from nothing.

mod digest;
mod tables;
#[cfg(test)]
mod tests;

use std::{ops::ControlFlow, sync::Arc};

use muster_api::blocks::Digest;

use self::{
    digest::Tally,
    tables::{Row, Table},
};
use crate::{error::StoreError, reader::Reader, store::Store, tx::Tx};

/// How many rows are carried at a time.
const BATCH: u64 = 500;

/// The setting of a target that a copy has begun to fill.
const MARK: &str = "state.copying";

/// What is a host's own, and stays where it is on either side.
#[derive(Debug, Clone, Default)]
pub struct Staying {
    /// Whole tables, such as `roles`.
    pub tables: Vec<String>,
    /// Settings by their keys.
    pub settings: Vec<String>,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table that is being carried over.
    pub table: String,
    /// How many rows of all tables were carried over.
    pub done: u64,
    /// How many there were when it began.
    pub total: u64,
}

/// A table that was carried over and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// A digest of all of them, the same on both sides.
    pub digest: Digest,
}

/// Is told of progress, and may break the copy off.
pub type Progress = Arc<dyn Fn(CopyProgress) -> ControlFlow<()> + Send + Sync>;

/// Why a store was not carried over. The one that it comes from is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is something in the target already. Nothing was changed there.
    #[error("the target is not empty: there is something in its table '{table}'")]
    NotEmpty {
        /// The first table that is not.
        table: String,
    },
    /// The two sides differ at the end.
    #[error(
        "the copy of the table '{table}' is not like the original: {found} rows instead of {expected}, or others"
    )]
    Differs {
        /// The first table that does.
        table: String,
        /// How many rows there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// It was broken off.
    #[error("the copy was broken off")]
    Stopped,
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Carries everything but what is `staying` over into `target`, which must
    /// have nothing in it, but for what stays there; or the beginning of a copy
    /// that was broken off, which is removed first. Then compares both.
    ///
    /// # Errors
    /// [`CopyError`]; what was carried over until then is marked as unfinished.
    pub async fn copy_to(
        &self,
        target: &Self,
        staying: &Staying,
        progress: Progress,
    ) -> Result<Vec<CopiedTable>, CopyError> {
        if !target.copy_is_unfinished().await?
            && let Some(table) = target.copy_obstacle(staying).await?
        {
            return Err(CopyError::NotEmpty { table });
        }
        let tables = Arc::new(moving(staying));
        clear(target, &tables, staying, true).await?;
        let source = {
            let (tables, staying, target) = (Arc::clone(&tables), staying.clone(), target.clone());
            self.read(move |from| {
                Box::pin(
                    async move { Ok(carry(from, &target, &tables, &staying, &progress).await) },
                )
            })
            .await??
        };
        let there = target.copy_digests(staying).await?;
        for (expected, found) in source.iter().zip(&there) {
            if expected != found {
                return Err(CopyError::Differs {
                    table: expected.table.clone(),
                    expected: expected.rows,
                    found: found.rows,
                });
            }
        }
        target
            .write(|tx| Box::pin(async move { tx.setting_delete(MARK).await }))
            .await?;
        target.hear(target.change_latest().await?);
        Ok(source)
    }

    /// Removes everything but what is `staying`: what a copy has left behind that
    /// nobody wants any more.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn copy_clear(&self, staying: &Staying) -> Result<(), StoreError> {
        clear(self, &Arc::new(moving(staying)), staying, false).await
    }

    /// Whether a copy into this store was begun and did not come to its end.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn copy_is_unfinished(&self) -> Result<bool, StoreError> {
        let mark = self.setting_get::<serde_json::Value>(MARK).await?;
        Ok(mark.is_some())
    }

    /// The first table in which there is something, but for what stays.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn copy_obstacle(&self, staying: &Staying) -> Result<Option<String>, StoreError> {
        let (tables, staying) = (moving(staying), staying.clone());
        self.read(move |db| {
            Box::pin(async move {
                for table in &tables {
                    let mut after = None;
                    loop {
                        let rows = table.read(db, after.clone(), BATCH).await?;
                        if rows.iter().any(|row| counts(table, row, &staying)) {
                            return Ok(Some(table.name.clone()));
                        }
                        after = table.after(after, &rows);
                        if after.is_none() {
                            break;
                        }
                    }
                }
                Ok(None)
            })
        })
        .await
    }

    /// What is in each table, but for what stays. Equal stores have equal ones,
    /// whatever database they are on.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn copy_digests(&self, staying: &Staying) -> Result<Vec<CopiedTable>, StoreError> {
        let (tables, staying) = (moving(staying), staying.clone());
        self.read(move |db| {
            Box::pin(async move {
                let mut digests = Vec::new();
                for table in &tables {
                    let mut tally = Tally::default();
                    let mut after = None;
                    loop {
                        let rows = table.read(db, after.clone(), BATCH).await?;
                        after = table.after(after, &rows);
                        let moving = rows.iter().filter(|row| moves(table, row, &staying));
                        moving.for_each(|row| tally.add(row));
                        if after.is_none() {
                            break;
                        }
                    }
                    digests.push(copied(table, &tally));
                }
                Ok(digests)
            })
        })
        .await
    }
}

/// The tables that do not stay.
fn moving(staying: &Staying) -> Vec<Table> {
    let stays = |table: &Table| staying.tables.contains(&table.name);
    tables::all()
        .into_iter()
        .filter(|table| !stays(table))
        .collect()
}

/// Whether a row is carried over.
fn moves(table: &Table, row: &Row, staying: &Staying) -> bool {
    if table.name != "settings" {
        return true;
    }
    let key = table.value(row, "key").cloned();
    let key: Option<String> = key.and_then(|key| sea_orm::sea_query::ValueType::try_from(key).ok());
    key.is_none_or(|key| key != MARK && !staying.settings.contains(&key))
}

/// Whether a row shows that a store is in use. The audit log of a fresh one has a
/// head already, which says that there is nothing.
fn counts(table: &Table, row: &Row, staying: &Staying) -> bool {
    let none = Some(&sea_orm::Value::BigInt(Some(0)));
    let head_of_nothing = table.name == "audit_head" && table.value(row, "number") == none;
    moves(table, row, staying) && !head_of_nothing
}

fn copied(table: &Table, tally: &Tally) -> CopiedTable {
    CopiedTable {
        table: table.name.clone(),
        rows: tally.rows,
        digest: tally.digest(),
    }
}

/// Removes all that does not stay, from the last table to the first, and leaves
/// the mark if told.
async fn clear(
    store: &Store,
    tables: &Arc<Vec<Table>>,
    staying: &Staying,
    mark: bool,
) -> Result<(), StoreError> {
    let (tables, keep) = (Arc::clone(tables), staying.settings.clone());
    store
        .write(move |tx| {
            Box::pin(async move {
                for table in tables.iter().rev() {
                    let keep = (table.name == "settings").then_some(("key", keep.as_slice()));
                    table.clear(tx, keep).await?;
                }
                if mark {
                    tx.setting_put(MARK, &true).await?;
                } else {
                    tx.audit_adopt().await?;
                }
                Ok(())
            })
        })
        .await
}

async fn carry(
    from: &Reader,
    target: &Store,
    tables: &[Table],
    staying: &Staying,
    progress: &Progress,
) -> Result<Vec<CopiedTable>, CopyError> {
    let mut total = 0;
    for table in tables {
        total += table.count(from).await?;
    }
    let (mut done, mut carried) = (0, Vec::new());
    for table in tables {
        let mut tally = Tally::default();
        let mut after = None;
        loop {
            let news = CopyProgress {
                table: table.name.clone(),
                done,
                total,
            };
            if progress(news).is_break() {
                return Err(CopyError::Stopped);
            }
            let rows = table.read(from, after.clone(), BATCH).await?;
            after = table.after(after, &rows);
            if after.is_none() {
                break;
            }
            done += u64::try_from(rows.len()).unwrap_or_default();
            let rows: Vec<Row> = rows
                .into_iter()
                .filter(|row| moves(table, row, staying))
                .collect();
            rows.iter().for_each(|row| tally.add(row));
            insert(target, table, rows).await?;
        }
        carried.push(copied(table, &tally));
    }
    Ok(carried)
}

async fn insert(target: &Store, table: &Table, rows: Vec<Row>) -> Result<(), StoreError> {
    let table = table.clone();
    target
        .write(move |tx: &Tx| Box::pin(async move { table.insert(tx, rows).await }))
        .await
}
