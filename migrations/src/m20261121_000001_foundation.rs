//! The first tables: one host with its apps, routes, jobs, roles and users.

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
        for table in [
            settings(),
            users(),
            refresh_tokens(),
            changes(),
            apps(),
            packages(),
            droplets(),
            releases(),
            routes(),
            route_targets(),
            jobs(),
            roles(),
            audit(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn settings() -> TableCreateStatement {
    Table::create()
        .table("settings")
        .col(string("key").primary_key())
        .col(json_binary("value"))
        .take()
}

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(uuid("id").primary_key())
        .col(string_uniq("name"))
        .col(string("password_hash"))
        .col(boolean("admin"))
        .col(big_integer("created_at"))
        .take()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_tokens")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(string_uniq("hash"))
        .col(uuid("family"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("used_at"))
        .col(big_integer("created_at"))
        .foreign_key(
            ForeignKey::create()
                .name("refresh_tokens_user")
                .from("refresh_tokens", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn changes() -> TableCreateStatement {
    Table::create()
        .table("changes")
        .col(
            ColumnDef::new("revision")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(string("resource"))
        .col(string("resource_id"))
        .col(string("kind"))
        .col(big_integer("at"))
        .take()
}

/// `last_release` counts on when releases are deleted, so that a number never
/// names two releases of one app.
fn apps() -> TableCreateStatement {
    Table::create()
        .table("apps")
        .col(uuid("id").primary_key())
        .col(string_uniq("name"))
        .col(string("state"))
        .col(big_integer("instances"))
        .col(big_integer_null("current_release"))
        .col(big_integer_null("next_release"))
        .col(big_integer("last_release").default(0))
        .col(text_null("last_failure"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .take()
}

fn packages() -> TableCreateStatement {
    Table::create()
        .table("packages")
        .col(uuid("id").primary_key())
        .col(json_binary("files"))
        .col(big_integer("size"))
        .col(big_integer("created_at"))
        .take()
}

fn droplets() -> TableCreateStatement {
    Table::create()
        .table("droplets")
        .col(uuid("id").primary_key())
        .col(uuid("app_id"))
        .col(uuid("package_id"))
        .col(string("detected"))
        .col(string("entry"))
        .col(json_binary("component"))
        .col(json_binary("files"))
        .col(big_integer("size"))
        .col(big_integer("created_at"))
        .foreign_key(
            ForeignKey::create()
                .name("droplets_app")
                .from("droplets", "app_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("droplets_package")
                .from("droplets", "package_id")
                .to("packages", "id"),
        )
        .take()
}

fn releases() -> TableCreateStatement {
    Table::create()
        .table("releases")
        .col(uuid("app_id"))
        .col(big_integer("number"))
        .col(uuid("droplet_id"))
        .col(json_binary("settings"))
        .col(boolean("served"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("app_id").col("number"))
        .foreign_key(
            ForeignKey::create()
                .name("releases_app")
                .from("releases", "app_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("releases_droplet")
                .from("releases", "droplet_id")
                .to("droplets", "id"),
        )
        .take()
}

fn routes() -> TableCreateStatement {
    Table::create()
        .table("routes")
        .col(uuid("id").primary_key())
        .col(string("host"))
        .col(text("path"))
        .col(json_binary_null("redirect"))
        .col(boolean("sticky"))
        .col(big_integer("created_at"))
        .take()
}

/// Nothing cascades from apps: what becomes of a route that loses its last app
/// is the host's decision.
fn route_targets() -> TableCreateStatement {
    Table::create()
        .table("route_targets")
        .col(uuid("route_id"))
        .col(uuid("app_id"))
        .col(big_integer("weight"))
        .primary_key(Index::create().col("route_id").col("app_id"))
        .foreign_key(
            ForeignKey::create()
                .name("route_targets_route")
                .from("route_targets", "route_id")
                .to("routes", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("route_targets_app")
                .from("route_targets", "app_id")
                .to("apps", "id"),
        )
        .take()
}

/// `app_id` is no foreign key: jobs outlive their apps.
fn jobs() -> TableCreateStatement {
    Table::create()
        .table("jobs")
        .col(uuid("id").primary_key())
        .col(string("kind"))
        .col(string("subject"))
        .col(uuid_null("app_id"))
        .col(string("state"))
        .col(text("step"))
        .col(json_binary("input"))
        .col(json_binary("log"))
        .col(json_binary_null("problem"))
        .col(big_integer("created_at"))
        .col(big_integer_null("started_at"))
        .col(big_integer_null("ended_at"))
        .take()
}

fn roles() -> TableCreateStatement {
    Table::create()
        .table("roles")
        .col(string("name").primary_key())
        .col(boolean("enabled"))
        .col(json_binary_null("component"))
        .col(json_binary_null("manifest"))
        .col(big_integer("installed_at"))
        .take()
}

fn audit() -> TableCreateStatement {
    Table::create()
        .table("audit")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(big_integer("at"))
        .col(string("actor"))
        .col(string("action"))
        .col(string("subject"))
        .col(json_binary_null("before"))
        .col(json_binary_null("after"))
        .col(string_null("origin"))
        .col(string_null("request_id"))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create().name(name).table(table).take();
        for column in columns {
            index.col(*column);
        }
        index
    };
    vec![
        index("routes_host_path", "routes", &["host", "path"])
            .unique()
            .take(),
        index("route_targets_app_id", "route_targets", &["app_id"]),
        index("refresh_tokens_user_id", "refresh_tokens", &["user_id"]),
        index("refresh_tokens_family", "refresh_tokens", &["family"]),
        index(
            "refresh_tokens_expires_at",
            "refresh_tokens",
            &["expires_at"],
        ),
        index("droplets_app_id", "droplets", &["app_id"]),
        index("droplets_package_id", "droplets", &["package_id"]),
        index("releases_droplet_id", "releases", &["droplet_id"]),
        index("jobs_state", "jobs", &["state"]),
        index("jobs_app_id", "jobs", &["app_id"]),
    ]
}
