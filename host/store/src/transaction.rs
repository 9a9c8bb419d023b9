//! An open transaction of either database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{DatabaseTransaction, DbErr};

use crate::{
    error::StoreError,
    postgres::{Generation, lost},
};

/// A transaction, and the server that it goes on with.
#[derive(Debug)]
pub(crate) struct Transaction {
    transaction: DatabaseTransaction,
    /// The PostgreSQL server that it runs on, if it is one.
    server: Option<Arc<Generation>>,
    /// A statement has failed on PostgreSQL, which then commits nothing any more
    /// without saying so.
    failed: AtomicBool,
}

impl Transaction {
    pub fn new(transaction: DatabaseTransaction, server: Option<Arc<Generation>>) -> Self {
        Self {
            transaction,
            server,
            failed: AtomicBool::new(false),
        }
    }

    /// What statements run on, each by way of [`run`](Self::run).
    pub fn inner(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Runs a statement, as long as the server is there.
    pub async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let Some(server) = &self.server else {
            return statement.await;
        };
        let result = server.while_there(statement).await;
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Commits.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if the server was lost meanwhile.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Some(server) = self.server else {
            return Ok(self.transaction.commit().await?);
        };
        if self.failed.into_inner() {
            let _ = server.unless_lost(self.transaction.rollback()).await;
            return Err(StoreError::Other(
                "a statement of the transaction had failed".into(),
            ));
        }
        match server.while_there(self.transaction.commit()).await {
            Ok(()) => Ok(()),
            Err(error) => match lost(&error) {
                Some(reason) => Err(StoreError::Unknown { reason }),
                None => Err(error.into()),
            },
        }
    }

    /// Rolls back.
    ///
    /// # Errors
    /// If the database does not answer; then it does so by itself.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        match self.server {
            Some(server) => server.unless_lost(self.transaction.rollback()).await?,
            None => self.transaction.rollback().await?,
        }
        Ok(())
    }
}
