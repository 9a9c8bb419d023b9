//! Identity: users with states and types, what they sign in with, sessions,
//! access keys, projects, and bundles of permissions.
//!
//! Who was there before becomes an active user of type admin with a personal
//! project, which bears the user's id; apps, routes and jobs that were there
//! before belong to the first user's. Whoever was signed in signs in again.

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
            passwords(),
            identities(),
            sessions(),
            signing_keys(),
            tickets(),
            projects(),
            project_members(),
            access_roles(),
            access_bindings(),
            access_keys(),
        ] {
            manager.create_table(table).await?;
        }
        for column in user_columns() {
            let add = Table::alter().table("users").add_column(column).take();
            manager.alter_table(add).await?;
        }
        for table in ["apps", "routes", "jobs"] {
            let project = uuid_null("project_id");
            let add = Table::alter().table(table).add_column(project).take();
            manager.alter_table(add).await?;
        }
        let rows = manager.get_connection();
        for statement in CARRIED_OVER {
            rows.execute_unprepared(statement).await?;
        }
        for column in ["admin", "password_hash"] {
            let drop = Table::alter().table("users").drop_column(column).take();
            manager.alter_table(drop).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// What was there before, in the new tables.
const CARRIED_OVER: [&str; 8] = [
    "INSERT INTO passwords (user_id, hash, changed_at) SELECT id, password_hash, created_at FROM users",
    "UPDATE users SET updated_at = created_at",
    "INSERT INTO projects (id, name, description, state, join_policy, leave_policy, personal, created_at, updated_at) \
     SELECT id, name, '', 'active', 'closed', 'closed', TRUE, created_at, created_at FROM users",
    "INSERT INTO project_members (project_id, user_id, role, state, created_at) \
     SELECT id, id, 'owner', 'member', created_at FROM users",
    "UPDATE apps SET project_id = (SELECT id FROM users ORDER BY created_at LIMIT 1)",
    "UPDATE routes SET project_id = (SELECT id FROM users ORDER BY created_at LIMIT 1)",
    "UPDATE jobs SET project_id = (SELECT id FROM users ORDER BY created_at LIMIT 1)",
    "DELETE FROM refresh_tokens",
];

/// E-mail addresses stand in lower case: they are compared whole.
fn user_columns() -> Vec<ColumnDef> {
    vec![
        string_null("email").take(),
        big_integer_null("email_verified_at").take(),
        string("display_name").default("").take(),
        string("type").default("admin").take(),
        string("state").default("active").take(),
        big_integer("failed_logins").default(0).take(),
        big_integer_null("last_failure_at").take(),
        big_integer_null("last_login_at").take(),
        big_integer("updated_at").default(0).take(),
    ]
}

fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user"))
        .from(table, "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn of_project(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_project"))
        .from(table, "project_id")
        .to("projects", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn passwords() -> TableCreateStatement {
    Table::create()
        .table("passwords")
        .col(uuid("user_id").primary_key())
        .col(string("hash"))
        .col(big_integer("changed_at"))
        .foreign_key(&mut of_user("passwords"))
        .take()
}

/// As whom other sign-in methods know a user.
fn identities() -> TableCreateStatement {
    Table::create()
        .table("identities")
        .col(string("method"))
        .col(string("subject"))
        .col(uuid("user_id"))
        .col(json_binary("profile"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_used_at"))
        .primary_key(Index::create().col("method").col("subject"))
        .foreign_key(&mut of_user("identities"))
        .take()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(string("client"))
        .col(string("method"))
        .col(json_binary_null("scopes"))
        .col(string_null("origin"))
        .col(text_null("agent"))
        .col(big_integer("created_at"))
        .col(big_integer("last_used_at"))
        .col(big_integer("expires_at"))
        .foreign_key(&mut of_user("sessions"))
        .take()
}

fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(string("id").primary_key())
        .col(string("algorithm"))
        .col(text("pem"))
        .col(big_integer("created_at"))
        .col(big_integer_null("retired_at"))
        .col(big_integer_null("ends_at"))
        .take()
}

/// Short-lived things that serve once: links in mails, authorization codes,
/// sign-ins half done. Only the hash of their secret is kept.
fn tickets() -> TableCreateStatement {
    Table::create()
        .table("tickets")
        .col(string("hash").primary_key())
        .col(string("purpose"))
        .col(uuid_null("user_id"))
        .col(json_binary("data"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("used_at"))
        .foreign_key(&mut of_user("tickets"))
        .take()
}

fn projects() -> TableCreateStatement {
    Table::create()
        .table("projects")
        .col(uuid("id").primary_key())
        .col(string_uniq("name"))
        .col(text("description"))
        .col(string("state"))
        .col(string("join_policy"))
        .col(string("leave_policy"))
        .col(boolean("personal"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .take()
}

fn project_members() -> TableCreateStatement {
    Table::create()
        .table("project_members")
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(string("role"))
        .col(string("state"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("project_id").col("user_id"))
        .foreign_key(&mut of_project("project_members"))
        .foreign_key(&mut of_user("project_members"))
        .take()
}

fn access_roles() -> TableCreateStatement {
    Table::create()
        .table("access_roles")
        .col(string("name").primary_key())
        .col(text("description"))
        .col(json_binary("permissions"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .take()
}

/// Who has which bundle where; everywhere if `project_id` is null.
fn access_bindings() -> TableCreateStatement {
    Table::create()
        .table("access_bindings")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(string("role"))
        .col(uuid_null("project_id"))
        .col(big_integer("created_at"))
        .foreign_key(&mut of_user("access_bindings"))
        .foreign_key(&mut of_project("access_bindings"))
        .take()
}

/// `user_id` is null for the host's own key.
fn access_keys() -> TableCreateStatement {
    Table::create()
        .table("access_keys")
        .col(string("id").primary_key())
        .col(uuid_null("user_id"))
        .col(string("name"))
        .col(string("secret_hash"))
        .col(json_binary_null("scopes"))
        .col(json_binary("networks"))
        .col(boolean("internal"))
        .col(big_integer("created_at"))
        .col(big_integer("rotated_at"))
        .col(big_integer_null("expires_at"))
        .col(big_integer_null("revoked_at"))
        .col(big_integer_null("last_used_at"))
        .col(string_null("last_used_from"))
        .foreign_key(&mut of_user("access_keys"))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, column: &'static str| {
        Index::create().name(name).table(table).col(column).take()
    };
    vec![
        index("users_email", "users", "email").unique().take(),
        index("users_state", "users", "state"),
        index("identities_user_id", "identities", "user_id"),
        index("sessions_user_id", "sessions", "user_id"),
        index("sessions_expires_at", "sessions", "expires_at"),
        index("tickets_expires_at", "tickets", "expires_at"),
        index("tickets_user_id", "tickets", "user_id"),
        index("project_members_user_id", "project_members", "user_id"),
        index("access_bindings_user_id", "access_bindings", "user_id"),
        index("access_keys_user_id", "access_keys", "user_id"),
        index("apps_project_id", "apps", "project_id"),
        index("routes_project_id", "routes", "project_id"),
        index("jobs_project_id", "jobs", "project_id"),
    ]
}
