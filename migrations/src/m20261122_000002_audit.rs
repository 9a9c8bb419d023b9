//! The audit log says by which credential and with what outcome, and its
//! entries form a chain of hashes. What stands in it already is put into the
//! chain by the store, when it opens the database for the first time.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One by one: SQLite adds a single column at a time.
        for mut column in [
            text_null("credential"),
            string("outcome").default("done").take(),
            text_null("reason"),
            big_integer("times").default(1).take(),
            string("previous").default("").take(),
            string("hash").default("").take(),
        ] {
            let table = Table::alter().table("audit").add_column(&mut column).take();
            manager.alter_table(table).await?;
        }
        for column in ["at", "actor"] {
            let index = Index::create()
                .name(format!("audit_{column}"))
                .table("audit")
                .col(column)
                .take();
            manager.create_index(index).await?;
        }
        manager.create_table(audit_head()).await?;
        manager.create_table(audit_checkpoints()).await
    }
}

/// One row: the newest entry. Whoever appends locks it first, so that two
/// appends never follow the same entry.
fn audit_head() -> TableCreateStatement {
    Table::create()
        .table("audit_head")
        .col(ColumnDef::new("id").integer().not_null().primary_key())
        .col(big_integer("number"))
        .col(string("hash"))
        .take()
}

/// The last entry of each batch that was removed because of its age: where the
/// chain begins now.
fn audit_checkpoints() -> TableCreateStatement {
    Table::create()
        .table("audit_checkpoints")
        .col(
            ColumnDef::new("number")
                .big_integer()
                .not_null()
                .primary_key(),
        )
        .col(string("hash"))
        .col(big_integer("entries"))
        .col(big_integer("at"))
        .take()
}
