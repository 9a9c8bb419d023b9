//! What each of several writers has committed last, so that one that has lost the
//! server meanwhile can find out.

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
        manager.create_table(commits()).await
    }
}

/// A writer is a host since its start. `at` is in milliseconds, like all times.
fn commits() -> TableCreateStatement {
    Table::create()
        .table("commits")
        .col(uuid("writer").primary_key())
        .col(uuid("token"))
        .col(big_integer("at"))
        .take()
}
