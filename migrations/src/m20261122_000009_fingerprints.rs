//! What was remembered of requests with an idempotency key is forgotten: their
//! fingerprints were plain digests, and bodies may hold passwords.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// One transaction on every database: a crash leaves all of it or nothing.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rows = manager.get_connection();
        rows.execute_unprepared("DELETE FROM idempotency").await?;
        Ok(())
    }
}
