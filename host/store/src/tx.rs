//! A transaction, as the caller's work sees it.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use sea_orm::ConnectionTrait;

use crate::{error::StoreError, postgres::Mark, reader::Reader, transaction::Transaction};

/// A transaction. [`Store::write`](crate::Store::write) opens it, commits it and
/// rolls it back. What can be asked are the methods of [`Reader`]; what can be
/// changed stands with the resources.
#[derive(Debug)]
pub struct Tx {
    reader: Reader,
    /// The last revision that it appended to the change log, or 0.
    revision: AtomicU64,
}

impl Tx {
    pub(crate) fn new(transaction: Transaction) -> Self {
        Self {
            reader: Reader::of_transaction(transaction),
            revision: AtomicU64::new(0),
        }
    }

    /// Remembers that the change log has grown.
    pub(crate) fn appended(&self, revision: u64) {
        self.revision.fetch_max(revision, Ordering::Relaxed);
    }

    /// The last revision that it appended to the change log, if it has.
    pub(crate) fn revision(&self) -> Option<u64> {
        let revision = self.revision.load(Ordering::Relaxed);
        (revision > 0).then_some(revision)
    }

    /// Commits, with a mark by which it can be told whether it was.
    pub(crate) async fn commit(self, mark: Option<Mark>) -> Result<(), StoreError> {
        if let Some(mark) = mark {
            let last = mark.statements(self.revision().is_some());
            self.reader.db().execute_unprepared(&last).await?;
        }
        if let Some(transaction) = self.reader.into_transaction() {
            transaction.commit().await?;
        }
        Ok(())
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        if let Some(transaction) = self.reader.into_transaction() {
            transaction.roll_back().await?;
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}
