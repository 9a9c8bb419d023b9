//! Jobs tell how much of them is done, are found by what they work on, and are
//! forgotten some time after their end.

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
        for name in ["progress_done", "progress_total"] {
            let add = Table::alter()
                .table("jobs")
                .add_column(big_integer_null(name))
                .take();
            manager.alter_table(add).await?;
        }
        for (name, column) in [("jobs_subject", "subject"), ("jobs_ended_at", "ended_at")] {
            let index = Index::create().name(name).table("jobs").col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
