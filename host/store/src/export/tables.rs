//! Every table with its columns, as they are now. A test holds the list to the
//! schema.

/// What a column holds. Every kind may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Bytes,
    Integer,
    Json,
    /// An integer of 32 bits.
    Small,
    Text,
    Uuid,
}

use Kind::{Bool, Bytes, Integer, Json, Small, Text, Uuid};

impl Kind {
    const ALL: [(Self, &str); 7] = [
        (Bool, "bool"),
        (Bytes, "bytes"),
        (Integer, "integer"),
        (Json, "json"),
        (Small, "small"),
        (Text, "text"),
        (Uuid, "uuid"),
    ];

    /// Its name in an export.
    pub(super) fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(kind, _)| *kind == self);
        known.map_or("", |(_, word)| word)
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, name)| *name == word);
        known.map(|(kind, _)| *kind)
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its primary key, by which rows are in order.
    pub(super) key: &'static [&'static str],
    pub(super) columns: &'static [(&'static str, Kind)],
}

const fn table(
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table { name, key, columns }
}

/// Tables that say how the database is and who writes it now, not what Muster
/// remembers.
#[cfg(test)]
pub(super) const LEFT_OUT: &[&str] = &["commits", "leases", "schema_since", "seaql_migrations"];

/// Every other table; what a row refers to is in a table before its own.
#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    table("access_roles", &["name"], &[("name", Text), ("description", Text), ("permissions", Json), ("created_at", Integer), ("updated_at", Integer)]),
    table("apps", &["id"], &[("id", Uuid), ("name", Text), ("state", Text), ("instances", Integer), ("current_release", Integer), ("next_release", Integer), ("last_release", Integer), ("last_failure", Text), ("created_at", Integer), ("updated_at", Integer), ("project_id", Uuid), ("user_id", Uuid)]),
    table("audit", &["id"], &[("id", Integer), ("at", Integer), ("actor", Text), ("action", Text), ("subject", Text), ("before", Json), ("after", Json), ("origin", Text), ("request_id", Text), ("credential", Text), ("outcome", Text), ("reason", Text), ("times", Integer), ("previous", Text), ("hash", Text)]),
    table("audit_checkpoints", &["number"], &[("number", Integer), ("hash", Text), ("entries", Integer), ("at", Integer)]),
    table("audit_head", &["id"], &[("id", Small), ("number", Integer), ("hash", Text)]),
    table("bundles", &["name"], &[("name", Text), ("kind", Text), ("files", Json), ("size", Integer), ("digest", Text), ("created_at", Integer)]),
    table("certificates", &["name"], &[("name", Text), ("chain", Text), ("key", Text), ("created_at", Integer)]),
    table("clusters", &["name"], &[("name", Text), ("control_plane", Json), ("workers", Json), ("created_at", Integer)]),
    table("changes", &["revision"], &[("revision", Integer), ("resource", Text), ("resource_id", Text), ("kind", Text), ("at", Integer), ("project_id", Uuid)]),
    table("hosts", &["id"], &[("id", Uuid), ("membership_id", Uuid), ("name", Text), ("fingerprint", Text), ("about", Json), ("linked_at", Integer), ("last_seen_at", Integer), ("certificate_not_after", Integer)]),
    table("idempotency", &["caller", "key"], &[("caller", Text), ("key", Text), ("fingerprint", Text), ("status", Integer), ("headers", Json), ("body", Bytes), ("created_at", Integer)]),
    table("jobs", &["id"], &[("id", Uuid), ("kind", Text), ("subject", Text), ("app_id", Uuid), ("state", Text), ("step", Text), ("input", Json), ("log", Json), ("problem", Json), ("created_at", Integer), ("started_at", Integer), ("ended_at", Integer), ("project_id", Uuid), ("progress_done", Integer), ("progress_total", Integer)]),
    table("memberships", &["id"], &[("id", Uuid), ("secret_hash", Text), ("state", Json), ("host_id", Uuid), ("roles", Json), ("created_by", Text), ("created_at", Integer)]),
    table("packages", &["id"], &[("id", Uuid), ("files", Json), ("size", Integer), ("created_at", Integer)]),
    table("droplets", &["id"], &[("id", Uuid), ("app_id", Uuid), ("package_id", Uuid), ("detected", Text), ("entry", Text), ("component", Json), ("files", Json), ("size", Integer), ("created_at", Integer)]),
    table("placements", &["app_id", "release", "instance", "host_id"], &[("app_id", Uuid), ("release", Integer), ("instance", Integer), ("host_id", Uuid), ("why", Text), ("placed_at", Integer)]),
    table("projects", &["id"], &[("id", Uuid), ("name", Text), ("description", Text), ("state", Text), ("join_policy", Text), ("leave_policy", Text), ("personal", Bool), ("created_at", Integer), ("updated_at", Integer)]),
    table("quota_reservations", &["id"], &[("id", Uuid), ("project_id", Uuid), ("user_id", Uuid), ("job_id", Uuid), ("resource", Text), ("amount", Integer), ("created_at", Integer), ("expires_at", Integer)]),
    table("releases", &["app_id", "number"], &[("app_id", Uuid), ("number", Integer), ("droplet_id", Uuid), ("settings", Json), ("served", Bool), ("created_at", Integer)]),
    table("roles", &["name"], &[("name", Text), ("enabled", Bool), ("component", Json), ("manifest", Json), ("installed_at", Integer)]),
    table("routes", &["id"], &[("id", Uuid), ("host", Text), ("path", Text), ("redirect", Json), ("sticky", Bool), ("created_at", Integer), ("project_id", Uuid)]),
    table("route_targets", &["route_id", "app_id"], &[("route_id", Uuid), ("app_id", Uuid), ("weight", Integer)]),
    table("settings", &["key"], &[("key", Text), ("value", Json)]),
    table("signing_keys", &["id"], &[("id", Text), ("algorithm", Text), ("pem", Text), ("created_at", Integer), ("retired_at", Integer), ("ends_at", Integer)]),
    table("terms", &["version"], &[("version", Integer), ("media_type", Text), ("text", Text), ("added_by", Text), ("created_at", Integer)]),
    table("users", &["id"], &[("id", Uuid), ("name", Text), ("created_at", Integer), ("email", Text), ("email_verified_at", Integer), ("display_name", Text), ("type", Text), ("state", Text), ("failed_logins", Integer), ("last_failure_at", Integer), ("last_login_at", Integer), ("updated_at", Integer)]),
    table("access_bindings", &["id"], &[("id", Uuid), ("user_id", Uuid), ("role", Text), ("project_id", Uuid), ("created_at", Integer)]),
    table("access_keys", &["id"], &[("id", Text), ("user_id", Uuid), ("name", Text), ("secret_hash", Text), ("scopes", Json), ("networks", Json), ("internal", Bool), ("created_at", Integer), ("rotated_at", Integer), ("expires_at", Integer), ("revoked_at", Integer), ("last_used_at", Integer), ("last_used_from", Text), ("previous_hash", Text), ("previous_until", Integer)]),
    table("identities", &["method", "subject"], &[("method", Text), ("subject", Text), ("user_id", Uuid), ("profile", Json), ("created_at", Integer), ("last_used_at", Integer)]),
    table("messages", &["id"], &[("id", Uuid), ("queue", Text), ("key", Text), ("body", Json), ("user_id", Uuid), ("attempts", Small), ("last_error", Text), ("created_at", Integer), ("due_at", Integer), ("sent_at", Integer), ("taken_at", Integer), ("dead_at", Integer)]),
    table("passkeys", &["id"], &[("id", Text), ("user_id", Uuid), ("name", Text), ("data", Json), ("created_at", Integer), ("last_used_at", Integer)]),
    table("passwords", &["user_id"], &[("user_id", Uuid), ("hash", Text), ("changed_at", Integer)]),
    table("project_members", &["project_id", "user_id"], &[("project_id", Uuid), ("user_id", Uuid), ("role", Text), ("state", Text), ("created_at", Integer)]),
    table("quotas", &["id"], &[("id", Uuid), ("project_id", Uuid), ("user_id", Uuid), ("resource", Text), ("amount", Integer), ("updated_at", Integer)]),
    table("recovery_codes", &["user_id", "digest"], &[("user_id", Uuid), ("digest", Text), ("created_at", Integer), ("used_at", Integer)]),
    table("refresh_tokens", &["id"], &[("id", Uuid), ("user_id", Uuid), ("hash", Text), ("family", Uuid), ("expires_at", Integer), ("used_at", Integer), ("created_at", Integer)]),
    table("sessions", &["id"], &[("id", Uuid), ("user_id", Uuid), ("client", Text), ("method", Text), ("scopes", Json), ("origin", Text), ("agent", Text), ("created_at", Integer), ("last_used_at", Integer), ("expires_at", Integer)]),
    table("sign_ups", &["user_id"], &[("user_id", Uuid), ("origin", Text), ("created_at", Integer)]),
    table("term_acceptances", &["version", "user_id"], &[("user_id", Uuid), ("version", Integer), ("user_name", Text), ("origin", Text), ("accepted_at", Integer)]),
    table("tickets", &["hash"], &[("hash", Text), ("purpose", Text), ("user_id", Uuid), ("data", Json), ("created_at", Integer), ("expires_at", Integer), ("used_at", Integer)]),
    table("totp", &["user_id"], &[("user_id", Uuid), ("secret", Text), ("created_at", Integer), ("confirmed_at", Integer), ("last_step", Integer)]),
];
