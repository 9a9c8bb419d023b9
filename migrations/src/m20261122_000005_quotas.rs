//! Quotas, what is reserved of them, and who made an app.

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
        manager.create_table(quotas()).await?;
        manager.create_table(reservations()).await?;
        for column in ["project_id", "job_id"] {
            let index = Index::create()
                .name(format!("quota_reservations_{column}"))
                .table("quota_reservations")
                .col(column)
                .take();
            manager.create_index(index).await?;
        }
        let maker = Table::alter()
            .table("apps")
            .add_column(uuid_null("user_id"))
            .take();
        manager.alter_table(maker).await
    }
}

/// Without a project it holds for each of them; with a user, for what that user
/// made there.
fn quotas() -> TableCreateStatement {
    Table::create()
        .table("quotas")
        .col(uuid("id").primary_key())
        .col(uuid_null("project_id"))
        .col(uuid_null("user_id"))
        .col(string("resource"))
        .col(big_integer("amount"))
        .col(big_integer("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .name("quotas_project")
                .from("quotas", "project_id")
                .to("projects", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("quotas_user")
                .from("quotas", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

/// What a job will use once it is through.
fn reservations() -> TableCreateStatement {
    Table::create()
        .table("quota_reservations")
        .col(uuid("id").primary_key())
        .col(uuid("project_id"))
        .col(uuid_null("user_id"))
        .col(uuid("job_id"))
        .col(string("resource"))
        .col(big_integer("amount"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .foreign_key(
            ForeignKey::create()
                .name("quota_reservations_project")
                .from("quota_reservations", "project_id")
                .to("projects", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}
