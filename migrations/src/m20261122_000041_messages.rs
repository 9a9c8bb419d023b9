//! Messages: durable work that waits for whoever does it. Mails, which had a table
//! of their own, are such.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// One transaction on every database: a crash leaves all of it or nothing.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(messages()).await?;
        let due = Index::create()
            .name("messages_queue_due_at")
            .table("messages")
            .col("queue")
            .col("due_at")
            .take();
        manager.create_index(due).await?;
        let object = match manager.get_database_backend() {
            DbBackend::Postgres => "jsonb_build_object('occasion', occasion, 'address', address)",
            _ => "json_object('occasion', occasion, 'address', address)",
        };
        let moved = format!(
            "INSERT INTO messages (id, queue, key, body, user_id, attempts, last_error, created_at, due_at) \
             SELECT id, 'mails', occasion || ' ' || address, {object}, user_id, attempts, last_error, created_at, due_at \
             FROM mails"
        );
        manager.get_connection().execute_unprepared(&moved).await?;
        manager
            .drop_table(Table::drop().table("mails").take())
            .await
    }
}

/// What is to be done. Of those of a queue with one key only one waits at a time.
/// No secrets wait here.
fn messages() -> TableCreateStatement {
    Table::create()
        .table("messages")
        .col(uuid("id").primary_key())
        .col(text("queue"))
        .col(text("key"))
        .col(json_binary("body"))
        .col(uuid_null("user_id"))
        .col(integer("attempts"))
        .col(text_null("last_error"))
        .col(big_integer("created_at"))
        .col(big_integer("due_at"))
        .col(big_integer_null("sent_at"))
        .col(big_integer_null("taken_at"))
        .col(big_integer_null("dead_at"))
        .foreign_key(
            ForeignKey::create()
                .name("messages_user")
                .from("messages", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}
