//! Hosts of a group that run apps together, and which of them share its state.

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
        manager.create_table(clusters()).await
    }
}

fn clusters() -> TableCreateStatement {
    Table::create()
        .table("clusters")
        .col(text("name").primary_key())
        .col(json_binary("control_plane"))
        .col(json_binary("workers"))
        .col(big_integer("created_at"))
        .take()
}
