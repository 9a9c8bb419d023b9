//! Second factors: authenticator apps, recovery codes, passkeys.

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
        for table in [totp(), recovery_codes(), passkeys()] {
            manager.create_table(table).await?;
        }
        let by_user = Index::create()
            .name("passkeys_user_id")
            .table("passkeys")
            .col("user_id")
            .take();
        manager.create_index(by_user).await
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

/// `last_step` is the step of the last code that was accepted.
fn totp() -> TableCreateStatement {
    Table::create()
        .table("totp")
        .col(uuid("user_id").primary_key())
        .col(string("secret"))
        .col(big_integer("created_at"))
        .col(big_integer_null("confirmed_at"))
        .col(big_integer_null("last_step"))
        .foreign_key(&mut of_user("totp"))
        .take()
}

fn recovery_codes() -> TableCreateStatement {
    Table::create()
        .table("recovery_codes")
        .col(uuid("user_id"))
        .col(string("digest"))
        .col(big_integer("created_at"))
        .col(big_integer_null("used_at"))
        .primary_key(Index::create().col("user_id").col("digest"))
        .foreign_key(&mut of_user("recovery_codes"))
        .take()
}

/// `id` is what the device calls the key, in base64url.
fn passkeys() -> TableCreateStatement {
    Table::create()
        .table("passkeys")
        .col(text("id").primary_key())
        .col(uuid("user_id"))
        .col(string("name"))
        .col(json_binary("data"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_used_at"))
        .foreign_key(&mut of_user("passkeys"))
        .take()
}
