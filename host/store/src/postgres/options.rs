//! How sessions with PostgreSQL are set up. All of it bounds how long somebody
//! who is paused or cut off can stand in the way of the others.

use sea_orm::sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::url::{Address, DatabaseUrl};

/// Whoever writes holds the advisory lock of this number until the transaction
/// ends: one at a time, of all hosts that share the database.
pub(crate) const WRITE_LOCK: i64 = 0x6d75_7374_6572_0001;

/// Whoever changes the schema holds this one.
pub(crate) const SCHEMA_LOCK: i64 = 0x6d75_7374_6572_0002;

/// The channel on which writers tell each other of changes.
pub(crate) const CHANNEL: &str = "muster_changes";

/// Every session. Milliseconds, but for the seconds of `tcp_keepalives_*`.
const SESSION: [(&str, &str); 8] = [
    // A transaction whose host says nothing any more is rolled back.
    ("idle_in_transaction_session_timeout", "5000"),
    ("client_connection_check_interval", "2000"),
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    ("default_transaction_isolation", "read committed"),
    ("standard_conforming_strings", "on"),
];

/// What work on records may take: longer than a holder that was paused is
/// tolerated, so that whoever waits behind one gets their turn.
const WORK: [(&str, &str); 2] = [("lock_timeout", "8000"), ("statement_timeout", "30000")];

/// What changes of the schema may take.
const SCHEMA: [(&str, &str); 2] = [("lock_timeout", "60000"), ("statement_timeout", "600000")];

/// For work on records.
pub(super) fn for_work(url: &DatabaseUrl, address: &Address) -> PgConnectOptions {
    of(url, address).options(WORK)
}

/// For changes of the schema.
pub(super) fn for_schema(url: &DatabaseUrl, address: &Address) -> PgConnectOptions {
    of(url, address).options(SCHEMA)
}

fn of(url: &DatabaseUrl, address: &Address) -> PgConnectOptions {
    let mut options = PgConnectOptions::new()
        .host(&address.host)
        .port(address.port)
        .username(&url.user)
        .database(&url.database)
        .application_name("muster")
        .ssl_mode(mode(url.setting("sslmode")))
        .options(SESSION)
        .disable_statement_logging();
    if let Some(password) = &url.password {
        options = options.password(password);
    }
    if let Some(file) = url.setting("sslrootcert") {
        options = options.ssl_root_cert(file);
    }
    if let Some(file) = url.setting("sslcert") {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = url.setting("sslkey") {
        options = options.ssl_client_key(file);
    }
    options
}

fn mode(word: Option<&str>) -> PgSslMode {
    match word {
        Some("disable") => PgSslMode::Disable,
        Some("require") => PgSslMode::Require,
        Some("verify-ca") => PgSslMode::VerifyCa,
        Some("verify-full") => PgSslMode::VerifyFull,
        _ => PgSslMode::Prefer,
    }
}
