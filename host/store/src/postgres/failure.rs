//! What errors of PostgreSQL and of the way to it mean to the store.

use sea_orm::{
    DbErr, RuntimeErr, SqlxError,
    sqlx::{error::DatabaseError, postgres::PgDatabaseError},
};

/// What an error code of PostgreSQL means to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This server does not serve any more, or cannot be written.
    Lost,
    /// It took too long or stood in another's way, and was ended.
    Busy,
    NoSpace,
    Damaged,
}

/// Reads PostgreSQL's error code, if the error is PostgreSQL's and has a meaning
/// here. Codes begin with their class.
pub(crate) fn failure(error: &dyn DatabaseError) -> Option<Failure> {
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    match error.code() {
        // Somebody shuts it down, it crashed, it starts; or it has become a
        // standby, which can only be read.
        "57P01" | "57P02" | "57P03" | "25006" => Some(Failure::Lost),
        code if code.starts_with("08") => Some(Failure::Lost),
        // Timeouts of statements, locks and idle transactions; deadlocks.
        "57014" | "55P03" | "25P03" | "40001" | "40P01" => Some(Failure::Busy),
        "53100" => Some(Failure::NoSpace),
        "XX001" | "XX002" => Some(Failure::Damaged),
        _ => None,
    }
}

/// Why the server is lost, if the error says so.
pub(crate) fn lost(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    of_driver(cause).then(|| plain(cause))
}

fn of_driver(error: &SqlxError) -> bool {
    match error {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::WorkerCrashed
        | SqlxError::BeginFailed => true,
        SqlxError::Database(error) => failure(error.as_ref()) == Some(Failure::Lost),
        _ => false,
    }
}

/// An error in PostgreSQL's own words, or in those of the system. Neither ever
/// has a password.
pub(crate) fn plain(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(error) => error.message().to_owned(),
        SqlxError::Io(error) => error.to_string(),
        SqlxError::Tls(error) => format!("TLS failed: {error}"),
        other => other.to_string(),
    }
}
