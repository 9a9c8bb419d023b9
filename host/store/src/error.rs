//! What can go wrong with the database.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr, SqlxError, sqlx::error::DatabaseError};

use crate::{postgres, sqlite};

/// Why the store could not do what it was asked. What merely is not there is
/// no error: such answers are options.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something that must be unique exists already.
    #[error("there already is {what}")]
    Conflict {
        /// What there is, such as `an app named 'shop'`.
        what: String,
    },
    /// A record names another that does not exist, or is to go while another
    /// still names it.
    #[error("the change would leave a reference to something that does not exist")]
    Reference,
    /// The disk is full. Nothing was changed.
    #[error("no space is left for the database")]
    NoSpace,
    /// The disk of the database's server is full. Nothing was changed.
    #[error("no space is left on the disk of the database server")]
    NoSpaceThere,
    /// The file or its file system can only be read. Nothing was changed.
    #[error("the database can only be read, not written")]
    ReadOnly,
    /// The database could not be opened.
    #[error("the database {database} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        database: String,
        /// What the database says.
        reason: String,
    },
    /// The database is one that Muster cannot use.
    #[error("the database {database} cannot be used: {reason}")]
    Unsuitable {
        /// Its URL, without the password.
        database: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database has been used by a newer Muster.
    #[error(
        "the database {database} was written by a newer version of Muster (its schema has '{change}')"
    )]
    Newer {
        /// The file, or the URL without the password.
        database: String,
        /// The first change of the schema that this version does not know.
        change: String,
    },
    /// The database is open, but a part of it makes no sense.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// No server of the database can be reached, or none of them takes changes.
    /// Nothing was changed.
    #[error("the database cannot be reached: {reason}")]
    Unreachable {
        /// What its servers say, or why they say nothing.
        reason: String,
    },
    /// The database is there, but what was asked took too long or had to wait
    /// too long. Nothing was changed.
    #[error("the database is busy: {reason}")]
    Busy {
        /// What the database says.
        reason: String,
    },
    /// The server was lost while it committed: the change is made, or it is not.
    #[error("nobody can tell whether the database has made the change: {reason}")]
    Unknown {
        /// Why the server was lost.
        reason: String,
    },
    /// Somebody else has taken the lease that this change depends on. Nothing
    /// was changed.
    #[error("another host has taken the lease '{lease}'")]
    Fenced {
        /// The lease.
        lease: String,
    },
    /// The store was closed, or the host is shutting down.
    #[error("the database is closed")]
    Closed,
    /// Anything else.
    #[error("the database failed: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Reads the failure of an insert: if something unique exists already,
    /// says that it is `what`.
    pub(crate) fn inserting(error: DbErr, what: impl FnOnce() -> String) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Conflict { what: what() },
            _ => error.into(),
        }
    }

    /// Names the database in what went wrong while it was opened.
    pub(crate) fn opening(self, database: &str) -> Self {
        let reason = match self {
            Self::Damaged(reason) => reason,
            Self::Other(error) => error.to_string(),
            other => return other,
        };
        Self::Unreadable {
            database: database.to_owned(),
            reason,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => return Self::Reference,
            Some(SqlErr::UniqueConstraintViolation(message)) => {
                return Self::Conflict { what: message };
            }
            _ => {}
        }
        if let Some(reason) = postgres::lost(&error) {
            return Self::Unreachable { reason };
        }
        if let DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) = &error
        {
            match cause.as_ref() {
                SqlxError::PoolClosed => return Self::Closed,
                SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                    return Self::Damaged(cause.to_string());
                }
                SqlxError::Database(answer) => {
                    if let Some(known) = of_database(answer.as_ref()) {
                        return known;
                    }
                }
                _ => {}
            }
        }
        match error {
            DbErr::Type(reason) | DbErr::Json(reason) => Self::Damaged(reason),
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Self::Closed,
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Busy {
                reason: "all connections are in use".to_owned(),
            },
            other => Self::Other(Box::new(other)),
        }
    }
}

/// What an error code of either database means.
fn of_database(answer: &dyn DatabaseError) -> Option<StoreError> {
    let reason = answer.message().to_owned();
    if let Some(failure) = sqlite::failure(answer) {
        return Some(match failure {
            sqlite::Failure::NoSpace => StoreError::NoSpace,
            sqlite::Failure::ReadOnly => StoreError::ReadOnly,
            sqlite::Failure::Damaged => StoreError::Damaged(reason),
        });
    }
    Some(match postgres::failure(answer)? {
        postgres::Failure::Lost => StoreError::Unreachable { reason },
        postgres::Failure::Busy => StoreError::Busy { reason },
        postgres::Failure::NoSpace => StoreError::NoSpaceThere,
        postgres::Failure::Damaged => StoreError::Damaged(reason),
    })
}
