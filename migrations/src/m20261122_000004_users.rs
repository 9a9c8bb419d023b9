//! The life of users: who signed up, mail on its way, terms of use and who
//! accepted them.

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
        for table in [sign_ups(), mails(), terms(), term_acceptances()] {
            manager.create_table(table).await?;
        }
        let once = Index::create()
            .name("mails_occasion_address")
            .table("mails")
            .col("occasion")
            .col("address")
            .unique()
            .take();
        manager.create_index(once).await?;
        let due = Index::create()
            .name("mails_due_at")
            .table("mails")
            .col("due_at")
            .take();
        manager.create_index(due).await
    }
}

fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user"))
        .from(table, "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// Who came by themselves. A later sign-up with the same name or address takes
/// their place until they have shown that the address is theirs.
fn sign_ups() -> TableCreateStatement {
    Table::create()
        .table("sign_ups")
        .col(uuid("user_id").primary_key())
        .col(string_null("origin"))
        .col(big_integer("created_at"))
        .foreign_key(&mut of_user("sign_ups"))
        .take()
}

/// Mail on its way. Of the same kind only one at a time goes to an address.
/// Links are made when a mail is sent, so that no secret waits here.
fn mails() -> TableCreateStatement {
    Table::create()
        .table("mails")
        .col(uuid("id").primary_key())
        .col(string("occasion"))
        .col(string("address"))
        .col(uuid_null("user_id"))
        .col(integer("attempts"))
        .col(text_null("last_error"))
        .col(big_integer("created_at"))
        .col(big_integer("due_at"))
        .foreign_key(&mut of_user("mails"))
        .take()
}

fn terms() -> TableCreateStatement {
    Table::create()
        .table("terms")
        .col(big_integer("version").primary_key())
        .col(string("media_type"))
        .col(text("text"))
        .col(string("added_by"))
        .col(big_integer("created_at"))
        .take()
}

/// Kept as long as there is anything left of the user.
fn term_acceptances() -> TableCreateStatement {
    Table::create()
        .table("term_acceptances")
        .col(uuid("user_id"))
        .col(big_integer("version"))
        .col(string("user_name"))
        .col(string_null("origin"))
        .col(big_integer("accepted_at"))
        .primary_key(Index::create().col("version").col("user_id"))
        .foreign_key(&mut of_user("term_acceptances"))
        .take()
}
