//! Where the instances of apps are placed in a group of hosts.

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
        manager.create_table(placements()).await?;
        let by_host = Index::create()
            .name("placements_host")
            .table("placements")
            .col("host_id")
            .take();
        manager.create_index(by_host).await
    }
}

/// The index of an instance may be in two places while it moves. A host that is
/// gone leaves its placements behind until they are planned anew.
fn placements() -> TableCreateStatement {
    Table::create()
        .table("placements")
        .col(uuid("app_id"))
        .col(big_integer("release"))
        .col(big_integer("instance"))
        .col(uuid("host_id"))
        .col(text("why"))
        .col(big_integer("placed_at"))
        .primary_key(
            Index::create()
                .col("app_id")
                .col("release")
                .col("instance")
                .col("host_id"),
        )
        .foreign_key(
            ForeignKey::create()
                .name("placements_app")
                .from("placements", "app_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}
