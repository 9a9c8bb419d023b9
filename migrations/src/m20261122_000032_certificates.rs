//! Certificates by which load balancers end TLS.

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
        manager.create_table(certificates()).await
    }
}

fn certificates() -> TableCreateStatement {
    Table::create()
        .table("certificates")
        .col(text("name").primary_key())
        .col(text("chain"))
        .col(text("key"))
        .col(big_integer("created_at"))
        .take()
}
