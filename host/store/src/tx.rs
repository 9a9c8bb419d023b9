//! A transaction, as the caller's work sees it.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use sea_orm::DatabaseTransaction;

use crate::{error::StoreError, reader::Reader};

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
    pub(crate) fn new(transaction: DatabaseTransaction) -> Self {
        Self {
            reader: Reader::of_transaction(transaction),
            revision: AtomicU64::new(0),
        }
    }

    /// Remembers that the change log has grown.
    pub(crate) fn appended(&self, revision: u64) {
        self.revision.fetch_max(revision, Ordering::Relaxed);
    }

    /// Commits, and says up to which revision the change log has grown, if it
    /// has.
    pub(crate) async fn commit(self) -> Result<Option<u64>, StoreError> {
        let revision = self.revision.into_inner();
        if let Some(transaction) = self.reader.into_transaction() {
            transaction.commit().await?;
        }
        Ok((revision > 0).then_some(revision))
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        if let Some(transaction) = self.reader.into_transaction() {
            transaction.rollback().await?;
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
