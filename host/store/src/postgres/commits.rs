//! Whether a transaction was committed whose server was lost meanwhile. Each that
//! writes leaves a number of its own; whoever asks for it takes a turn as a writer,
//! and so waits until what was begun before has ended, one way or the other. Others
//! of the same writer may have been committed by then, so that the last one's number
//! alone would not tell.

use std::sync::atomic::{AtomicI64, Ordering};

use sea_orm::{ConnectionTrait, DbBackend, Statement, prelude::Uuid};

use super::{Purpose, Server, options::CHANNEL};
use crate::error::StoreError;

/// How long what a writer has left is kept, in milliseconds: longer than anybody
/// asks for it, also if a clock jumps by a day.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;

/// How many of its numbers a writer leaves there: more than it commits until
/// somebody who has lost the server has asked the next one.
const LEFT: i64 = 10_000;

/// Whose transactions they are: this process.
#[derive(Debug)]
pub(super) struct Writer {
    id: Uuid,
    numbers: AtomicI64,
}

/// What a transaction leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    writer: Uuid,
    number: i64,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            id: Uuid::now_v7(),
            numbers: AtomicI64::new(0),
        }
    }

    /// What its next transaction leaves.
    pub fn mark(&self) -> Mark {
        Mark {
            writer: self.id,
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Mark {
    /// The last statements of a transaction: the mark, and word to the others if
    /// there is news.
    pub fn statements(self, news: bool) -> String {
        let Self { writer, number } = self;
        let mut statements = format!(
            "INSERT INTO commits (writer, number, at) \
             VALUES ('{writer}', {number}, (extract(epoch FROM clock_timestamp()) * 1000)::bigint); \
             DELETE FROM commits WHERE writer = '{writer}' AND number <= {}",
            number.saturating_sub(LEFT)
        );
        if news {
            statements.push_str(&format!("; NOTIFY {CHANNEL}"));
        }
        statements
    }
}

impl Server {
    /// Whether the transaction with that mark was committed.
    ///
    /// # Errors
    /// If there is no server to ask; nobody knows then.
    pub async fn is_committed(&self, mark: Mark) -> Result<bool, StoreError> {
        let (begun, generation) = self.begin(Purpose::Write).await?;
        let question = format!(
            "SELECT 1 FROM commits WHERE writer = '{}' AND number = {}",
            mark.writer, mark.number
        );
        let question = Statement::from_string(DbBackend::Postgres, question);
        let asked = begun.transaction.query_one_raw(question);
        let found = generation.while_there(asked).await?;
        let _ = generation.while_there(begun.transaction.rollback()).await;
        Ok(found.is_some())
    }

    /// Forgets what writers have left that are long gone.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn forget_commits(&self) -> Result<(), StoreError> {
        let forget = format!(
            "DELETE FROM commits WHERE at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - {KEPT}"
        );
        let forget = &forget;
        self.ask(|db| async move { db.execute_unprepared(forget).await })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use muster_e2e::servers::Postgres;
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_commit_is_known_after_others_that_followed() {
        let postgres = Postgres::start();
        let url = postgres.url(&postgres.database()).parse().unwrap();
        let server = Server::connect(&url, watch::Sender::new(0)).await.unwrap();
        let [first, second, never] = std::array::from_fn(|_| server.mark());
        for mark in [first, second] {
            let (begun, _) = server.begin(Purpose::Write).await.unwrap();
            let statements = mark.statements(true);
            let done = begun.transaction.execute_unprepared(&statements);
            done.await.unwrap();
            begun.transaction.commit().await.unwrap();
        }
        assert!(server.is_committed(first).await.unwrap());
        assert!(server.is_committed(second).await.unwrap());
        assert!(!server.is_committed(never).await.unwrap());
    }
}
