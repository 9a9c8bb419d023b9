//! Content that a group of hosts has in common.

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
        manager.create_table(bundles()).await
    }
}

fn bundles() -> TableCreateStatement {
    Table::create()
        .table("bundles")
        .col(text("name").primary_key())
        .col(text("kind"))
        .col(json_binary("files"))
        .col(big_integer("size"))
        .col(text("digest"))
        .col(big_integer("created_at"))
        .take()
}
