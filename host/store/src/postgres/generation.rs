//! The connections to one server, from the moment it was found to be the primary
//! until it is lost. Nothing goes back to a server that was lost: whoever waits
//! for it is told, and its connections are dropped.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr,
    SqlxError, SqlxPostgresConnector, TransactionTrait,
    sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::{failure::lost, options::WRITE_LOCK};

/// How many reads run at the same time.
const READERS: u32 = 8;

/// How long a connection may take to be made, or a read to get one.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(300);

/// The connections to a primary.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Where it is, for people.
    pub address: String,
    readers: PgPool,
    writer: PgPool,
    /// For what must not wait for readers or writers: leases, and to listen.
    side: PgPool,
    /// Writers of this host take turns in the order in which they came, before
    /// they take turns with those of others.
    turn: Arc<Mutex<()>>,
    /// Why it was lost.
    lost: watch::Sender<Option<String>>,
}

/// An open transaction, and the turn that it holds if it is one that writes.
pub(crate) struct Begun {
    pub transaction: DatabaseTransaction,
    pub turn: Option<OwnedMutexGuard<()>>,
}

impl Generation {
    /// Prepares connections, which are made when they are needed.
    pub fn new(address: String, options: &PgConnectOptions) -> Self {
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE)
                .idle_timeout(IDLE)
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_lazy_with(options.clone())
        };
        Self {
            address,
            readers: pool(READERS),
            writer: pool(1),
            side: pool(2),
            turn: Arc::default(),
            lost: watch::Sender::new(None),
        }
    }

    /// What reads outside of transactions run on.
    pub fn readers(&self) -> DatabaseConnection {
        SqlxPostgresConnector::from_sqlx_postgres_pool(self.readers.clone())
    }

    /// What listens for changes runs on.
    pub fn side(&self) -> &PgPool {
        &self.side
    }

    /// Begins a transaction that writes, once those of this host and of all
    /// others that came before have ended.
    pub async fn begin_write(&self) -> Result<Begun, DbErr> {
        let turn = Arc::clone(&self.turn).lock_owned();
        let turn = self.while_there(async { Ok(turn.await) }).await?;
        let writer = SqlxPostgresConnector::from_sqlx_postgres_pool(self.writer.clone());
        let transaction = self.while_there(writer.begin()).await?;
        let lock = format!("SELECT pg_advisory_xact_lock({WRITE_LOCK})");
        self.statement(&transaction, &lock).await?;
        Ok(Begun {
            transaction,
            turn: Some(turn),
        })
    }

    /// Begins a transaction that touches nothing but a lease, and so waits for
    /// none that writes.
    pub async fn begin_lease(&self) -> Result<Begun, DbErr> {
        let side = SqlxPostgresConnector::from_sqlx_postgres_pool(self.side.clone());
        Ok(Begun {
            transaction: self.while_there(side.begin()).await?,
            turn: None,
        })
    }

    /// Begins a transaction that sees one unchanging state.
    pub async fn begin_read(&self) -> Result<Begun, DbErr> {
        let readers = self.readers();
        let begin = readers.begin_with_config(
            Some(IsolationLevel::RepeatableRead),
            Some(AccessMode::ReadOnly),
        );
        Ok(Begun {
            transaction: self.while_there(begin).await?,
            turn: None,
        })
    }

    async fn statement(&self, transaction: &DatabaseTransaction, sql: &str) -> Result<(), DbErr> {
        use sea_orm::ConnectionTrait;
        self.while_there(transaction.execute_unprepared(sql))
            .await?;
        Ok(())
    }

    /// Waits for an answer of the server, but only as long as it is there; and
    /// takes it for lost if the answer says so.
    pub async fn while_there<T>(
        &self,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let result = self.unless_lost(work).await;
        if let Err(error) = &result
            && let Some(reason) = lost(error)
        {
            self.lose(&reason);
        }
        result
    }

    /// The same, for what tells nothing of the server: a single connection may be
    /// gone that had a transaction for too long.
    pub async fn unless_lost<T>(
        &self,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        tokio::select! {
            biased;
            reason = self.until_lost() => Err(gone(&reason)),
            result = work => result,
        }
    }

    /// Gives the server up: whoever waits for it is told, and no connection to
    /// it is used again.
    pub fn lose(&self, reason: &str) {
        let first = self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            if first {
                *lost = Some(reason.to_owned());
            }
            first
        });
        if first {
            self.close();
        }
    }

    /// Closes all connections: at once those that nobody uses, the others as
    /// they come back.
    pub fn close(&self) {
        for pool in [&self.readers, &self.writer, &self.side] {
            // It is marked as closed by this call; the rest is to wait for those
            // in use, which may never come back from a server that hangs.
            let closing = pool.clone();
            let marked = pool.close();
            drop(marked);
            // Nothing is left to do it when the process ends.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    let _ = tokio::time::timeout(ACQUIRE, closing.close()).await;
                });
            }
        }
    }

    /// Waits for the transaction that writes, then closes all connections.
    pub async fn finish(&self) {
        let turn = self.turn.lock().await;
        for pool in [&self.readers, &self.writer, &self.side] {
            let _ = tokio::time::timeout(ACQUIRE, pool.close()).await;
        }
        drop(turn);
    }

    /// Waits until it is lost, and says why.
    pub async fn until_lost(&self) -> String {
        let mut lost = self.lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the connection was given up".to_owned(),
        }
    }
}

/// The error of whoever waits for a server that was lost.
pub(crate) fn gone(reason: &str) -> DbErr {
    let error = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, reason.to_owned());
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::Io(error))))
}
