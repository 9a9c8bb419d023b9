//! What the API remembers of requests that carried an idempotency key.

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
        manager.create_table(idempotency()).await?;
        let by_age = Index::create()
            .name("idempotency_created_at")
            .table("idempotency")
            .col("created_at")
            .take();
        manager.create_index(by_age).await
    }
}

/// `status` is null until the request is answered, `body` if the answer is not
/// kept.
fn idempotency() -> TableCreateStatement {
    Table::create()
        .table("idempotency")
        .col(string("caller"))
        .col(string("key"))
        .col(string("fingerprint"))
        .col(big_integer_null("status"))
        .col(json_binary_null("headers"))
        .col(ColumnDef::new("body").blob().null())
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("caller").col("key"))
        .take()
}
