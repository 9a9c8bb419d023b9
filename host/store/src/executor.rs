//! What SeaORM runs queries on: a pool, whichever server is the primary, or a
//! transaction.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};

use crate::{postgres::Server, text, transaction::Transaction};
use std::sync::Arc;

/// Where questions are asked.
#[derive(Debug)]
pub(crate) enum Source {
    /// SQLite, outside of a transaction.
    Pool(DatabaseConnection),
    /// PostgreSQL, outside of a transaction.
    Server(Arc<Server>),
    /// Either, inside of one.
    Transaction(Transaction),
}

/// Runs statements there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Executor<'r>(pub &'r Source);

#[sea_orm::prelude::async_trait::async_trait]
impl ConnectionTrait for Executor<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match self.0 {
            Source::Pool(pool) => pool.get_database_backend(),
            Source::Server(_) => DbBackend::Postgres,
            Source::Transaction(transaction) => transaction.inner().get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = text::fit(statement);
        match self.0 {
            Source::Pool(pool) => pool.execute_raw(statement).await,
            Source::Server(server) => {
                let run = |pool: DatabaseConnection| {
                    let statement = statement.clone();
                    async move { pool.execute_raw(statement).await }
                };
                server.ask(run).await
            }
            Source::Transaction(transaction) => {
                let run = transaction.inner().execute_raw(statement);
                transaction.run(run).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self.0 {
            Source::Pool(pool) => pool.execute_unprepared(sql).await,
            Source::Server(server) => {
                let run =
                    |pool: DatabaseConnection| async move { pool.execute_unprepared(sql).await };
                server.ask(run).await
            }
            Source::Transaction(transaction) => {
                let run = transaction.inner().execute_unprepared(sql);
                transaction.run(run).await
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = text::fit(statement);
        match self.0 {
            Source::Pool(pool) => pool.query_one_raw(statement).await,
            Source::Server(server) => {
                let run = |pool: DatabaseConnection| {
                    let statement = statement.clone();
                    async move { pool.query_one_raw(statement).await }
                };
                server.ask(run).await
            }
            Source::Transaction(transaction) => {
                let run = transaction.inner().query_one_raw(statement);
                transaction.run(run).await
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = text::fit(statement);
        match self.0 {
            Source::Pool(pool) => pool.query_all_raw(statement).await,
            Source::Server(server) => {
                let run = |pool: DatabaseConnection| {
                    let statement = statement.clone();
                    async move { pool.query_all_raw(statement).await }
                };
                server.ask(run).await
            }
            Source::Transaction(transaction) => {
                let run = transaction.inner().query_all_raw(statement);
                transaction.run(run).await
            }
        }
    }
}
