//! Where questions are asked: in any connection, or in one transaction.

use sea_orm::{DatabaseConnection, DatabaseExecutor, DatabaseTransaction};

/// What can be asked of the database. [`Store`](crate::Store) answers from what
/// is committed; [`Tx`](crate::Tx) sees its own changes as well. The methods
/// stand with their resources.
#[derive(Debug)]
pub struct Reader {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Pool(DatabaseConnection),
    Transaction(DatabaseTransaction),
}

impl Reader {
    pub(crate) fn of_pool(pool: DatabaseConnection) -> Self {
        Self {
            source: Source::Pool(pool),
        }
    }

    pub(crate) fn of_transaction(transaction: DatabaseTransaction) -> Self {
        Self {
            source: Source::Transaction(transaction),
        }
    }

    /// What SeaORM runs queries on.
    pub(crate) fn db(&self) -> DatabaseExecutor<'_> {
        match &self.source {
            Source::Pool(pool) => pool.into(),
            Source::Transaction(transaction) => transaction.into(),
        }
    }

    /// The transaction, if it is one.
    pub(crate) fn into_transaction(self) -> Option<DatabaseTransaction> {
        match self.source {
            Source::Pool(_) => None,
            Source::Transaction(transaction) => Some(transaction),
        }
    }
}
