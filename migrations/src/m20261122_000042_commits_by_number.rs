//! Each commit of a writer is known by its number for a while, not the last one
//! alone: another may have followed before somebody asks.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// One transaction on every database: a crash leaves all of it or nothing.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("commits").take())
            .await?;
        manager.create_table(commits()).await
    }
}

/// A writer is a host since its start, which numbers its commits. `at` is in
/// milliseconds, like all times.
fn commits() -> TableCreateStatement {
    Table::create()
        .table("commits")
        .col(uuid("writer"))
        .col(big_integer("number"))
        .col(big_integer("at"))
        .primary_key(Index::create().col("writer").col("number"))
        .take()
}
