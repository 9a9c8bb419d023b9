//! Everything that is particular to SQLite: how a file is opened and checked,
//! how a transaction begins, and what error codes mean.

use std::{
    fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration,
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, SqliteTransactionMode,
    SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        ConnectOptions, Connection,
        error::DatabaseError,
        sqlite::{
            SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions,
            SqliteSynchronous,
        },
    },
};

use crate::{error::StoreError, transaction::Transaction};

/// How long to wait for another program that has the file locked, such as one
/// that takes a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many reads run at the same time.
const READERS: u32 = 4;

/// What an error code of SQLite means to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    NoSpace,
    ReadOnly,
    Damaged,
}

/// Reads SQLite's error code, if the error is SQLite's and has a meaning here.
pub(crate) fn failure(error: &dyn DatabaseError) -> Option<Failure> {
    const READONLY: u32 = 8;
    const CORRUPT: u32 = 11;
    const FULL: u32 = 13;
    const NOTADB: u32 = 26;
    // The shared index of the write-ahead log could not grow.
    const IOERR_SHMSIZE: u32 = 4874;

    let code: u32 = error
        .try_downcast_ref::<SqliteError>()?
        .code()?
        .parse()
        .ok()?;
    match (code, code & 0xff) {
        (_, FULL) | (IOERR_SHMSIZE, _) => Some(Failure::NoSpace),
        (_, READONLY) => Some(Failure::ReadOnly),
        (_, CORRUPT | NOTADB) => Some(Failure::Damaged),
        _ => None,
    }
}

/// An open file.
#[derive(Debug)]
pub(crate) struct File {
    pub readers: DatabaseConnection,
    pub writer: DatabaseConnection,
    /// Writers take turns in the order in which they came. Without it they
    /// would meet inside the database, which lets the later one fail.
    turn: Arc<Mutex<()>>,
}

impl File {
    pub fn new(readers: DatabaseConnection, writer: DatabaseConnection) -> Self {
        Self {
            readers,
            writer,
            turn: Arc::default(),
        }
    }

    /// Begins a transaction that writes, once it is its turn.
    pub async fn begin_write(&self) -> Result<(Transaction, OwnedMutexGuard<()>), DbErr> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let begun = self.writer.begin_with_options(write_options()).await?;
        Ok((Transaction::new(begun, None), turn))
    }

    /// Begins a transaction that sees one unchanging state.
    pub async fn begin_read(&self) -> Result<Transaction, DbErr> {
        Ok(Transaction::new(self.readers.begin().await?, None))
    }

    /// Waits for the transaction that writes, then closes the file.
    pub async fn close(&self) -> Result<(), DbErr> {
        let _turn = self.turn.lock().await;
        self.readers.close_by_ref().await?;
        self.writer.close_by_ref().await
    }
}

/// Makes the file if there is none. Only its owner may read it, for it holds
/// keys and password hashes; SQLite gives its side files the same mode.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Err(StoreError::NoSpace),
            io::ErrorKind::ReadOnlyFilesystem => Err(StoreError::ReadOnly),
            _ => Err(StoreError::Unreadable {
                database: path.display().to_string(),
                reason: error.to_string(),
            }),
        },
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}

/// Opens the one connection that writes. The write-ahead log lets readers go on
/// meanwhile, and full synchronisation keeps what was committed through a loss
/// of power.
pub(crate) async fn writer(path: &Path) -> Result<DatabaseConnection, DbErr> {
    connect(options(path).journal_mode(SqliteJournalMode::Wal), 1).await
}

/// Opens the connections that only read.
pub(crate) async fn readers(path: &Path) -> Result<DatabaseConnection, DbErr> {
    connect(options(path).pragma("query_only", "ON"), READERS).await
}

async fn connect(
    options: SqliteConnectOptions,
    connections: u32,
) -> Result<DatabaseConnection, DbErr> {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            // SQLite may end a transaction by itself, as when a commit finds
            // the disk full. The driver then goes on as if inside of one: what
            // it says to be committed never is. Such a connection is replaced.
            let outside = !connection.is_in_transaction();
            Box::pin(async move { Ok(outside) })
        })
        .connect_with(options)
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// How a transaction begins that will write: with the right to do so. One that
/// asks for it later fails at once if another program has written meanwhile.
fn write_options() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// Reads the whole file and looks whether its pages fit together.
///
/// # Errors
/// [`StoreError::Damaged`] with what SQLite found.
pub(crate) async fn check(db: &DatabaseConnection) -> Result<(), StoreError> {
    let rows = db
        .query_all_raw(Statement::from_string(
            DbBackend::Sqlite,
            "PRAGMA quick_check(5)",
        ))
        .await?;
    let findings = rows
        .iter()
        .map(|row| row.try_get_by_index::<String>(0))
        .collect::<Result<Vec<_>, _>>()?;
    if findings == ["ok"] {
        Ok(())
    } else {
        Err(StoreError::Damaged(findings.join("; ")))
    }
}
