//! Link tokens with what became of them, and the hosts that were linked.

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
        manager.create_table(memberships()).await?;
        let by_host = Index::create()
            .name("memberships_host")
            .table("memberships")
            .col("host_id")
            .take();
        manager.create_index(by_host).await?;
        manager.create_table(hosts()).await
    }
}

/// A membership begins as a link token, and has its id for life.
fn memberships() -> TableCreateStatement {
    Table::create()
        .table("memberships")
        .col(uuid("id").primary_key())
        .col(string("secret_hash"))
        .col(json_binary("state"))
        .col(uuid_null("host_id"))
        .col(json_binary("roles"))
        .col(string("created_by"))
        .col(big_integer("created_at"))
        .take()
}

/// The followers of this host. What they say of themselves is only ever read
/// as a whole.
fn hosts() -> TableCreateStatement {
    Table::create()
        .table("hosts")
        .col(uuid("id").primary_key())
        .col(uuid("membership_id"))
        .col(string("name"))
        .col(string("fingerprint"))
        .col(json_binary("about"))
        .col(big_integer("linked_at"))
        .col(big_integer("last_seen_at"))
        .col(big_integer("certificate_not_after"))
        .take()
}
