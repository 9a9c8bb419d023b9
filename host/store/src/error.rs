//! What can go wrong with the database.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};

use crate::sqlite::{self, Failure};

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
    /// The file or its file system can only be read. Nothing was changed.
    #[error("the database can only be read, not written")]
    ReadOnly,
    /// The database could not be opened.
    #[error("the database {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The database has been used by a newer Muster.
    #[error("the database {} was written by a newer version of Muster (its schema has '{change}')", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first change of the schema that this version does not know.
        change: String,
    },
    /// The database is open, but a part of it makes no sense.
    #[error("the database is damaged: {0}")]
    Damaged(String),
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

    /// Names the file in what went wrong while it was opened.
    pub(crate) fn opening(self, path: &std::path::Path) -> Self {
        match self {
            Self::Damaged(reason) => Self::Unreadable {
                path: path.to_owned(),
                reason,
            },
            Self::Other(error) => Self::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            },
            other => other,
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
        if let DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) = &error
        {
            match cause.as_ref() {
                SqlxError::PoolClosed => return Self::Closed,
                SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                    return Self::Damaged(cause.to_string());
                }
                SqlxError::Database(cause) => match sqlite::failure(cause.as_ref()) {
                    Some(Failure::NoSpace) => return Self::NoSpace,
                    Some(Failure::ReadOnly) => return Self::ReadOnly,
                    Some(Failure::Damaged) => return Self::Damaged(cause.message().to_owned()),
                    None => {}
                },
                _ => {}
            }
        }
        match error {
            DbErr::Type(reason) | DbErr::Json(reason) => Self::Damaged(reason),
            DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::ConnectionClosed) => Self::Closed,
            other => Self::Other(Box::new(other)),
        }
    }
}
