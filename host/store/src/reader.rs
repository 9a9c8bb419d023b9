//! Where questions are asked: in any connection, or in one transaction.

use std::sync::Arc;

use sea_orm::DatabaseConnection;

use crate::{
    executor::{Executor, Source},
    postgres::Server,
    transaction::Transaction,
};

/// What can be asked of the database. [`Store`](crate::Store) answers from what
/// is committed; [`Tx`](crate::Tx) sees its own changes as well. The methods
/// stand with their resources.
#[derive(Debug)]
pub struct Reader {
    source: Source,
}

impl Reader {
    pub(crate) fn of_pool(pool: DatabaseConnection) -> Self {
        Self {
            source: Source::Pool(pool),
        }
    }

    pub(crate) fn of_server(server: Arc<Server>) -> Self {
        Self {
            source: Source::Server(server),
        }
    }

    pub(crate) fn of_transaction(transaction: Transaction) -> Self {
        Self {
            source: Source::Transaction(transaction),
        }
    }

    /// What SeaORM runs queries on.
    pub(crate) fn db(&self) -> Executor<'_> {
        Executor(&self.source)
    }

    /// The transaction, if it is one.
    pub(crate) fn into_transaction(self) -> Option<Transaction> {
        match self.source {
            Source::Pool(_) | Source::Server(_) => None,
            Source::Transaction(transaction) => Some(transaction),
        }
    }
}
