//! Since which versions of Muster the schema can be worked with: an older one
//! that finds changes which it does not know looks there.

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
        let since = Table::create()
            .table("schema_since")
            .col(text("version").primary_key())
            .take();
        manager.create_table(since).await
    }
}
