//! Leases: who of several hosts may lead.

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
        manager.create_table(leases()).await
    }
}

/// `fence` grows each time a lease goes to another holder. `expires_at` is by
/// the database's clock.
fn leases() -> TableCreateStatement {
    Table::create()
        .table("leases")
        .col(string("name").primary_key())
        .col(uuid("holder"))
        .col(big_integer("fence"))
        .col(big_integer("expires_at"))
        .take()
}
