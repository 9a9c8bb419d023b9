//! The open database, and the one way to change it.

use std::{ops::Deref, panic, path::Path, pin::Pin, sync::Arc};

use tokio::sync::{OwnedMutexGuard, watch};

use crate::{
    error::StoreError,
    leases::Guard,
    postgres::{DatabaseUrl, Purpose, Server},
    reader::Reader,
    revisions::Revisions,
    schema,
    sqlite::{self, File},
    transaction::Transaction,
    tx::Tx,
};

/// What a closure given to [`Store::write`] or [`Store::read`] returns:
/// `Box::pin(async move { … })`.
pub type Work<'t, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// The open database. Clones share it. What can be asked are the methods of
/// [`Reader`].
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// The lease that its transactions depend on.
    guard: Option<Arc<Guard>>,
}

#[derive(Debug)]
struct Inner {
    reader: Reader,
    database: Database,
    revision: watch::Sender<u64>,
}

#[derive(Debug)]
enum Database {
    Sqlite(File),
    Postgres(Arc<Server>),
}

/// A transaction with all that it holds until it has ended.
struct Begun {
    tx: Tx,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Store {
    /// Opens the database in the file at `path`, makes it if there is none, and
    /// brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if the file is damaged, is no database or
    /// cannot be opened; [`StoreError::Newer`] if a newer Muster has used it, with
    /// which this one does not go together; [`StoreError::NoSpace`] and [`StoreError::ReadOnly`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let opened = Self::try_open(path, &name).await;
        opened.map_err(|error| error.opening(&name))
    }

    async fn try_open(path: &Path, name: &str) -> Result<Self, StoreError> {
        sqlite::create(path)?;
        let writer = sqlite::writer(path).await?;
        sqlite::check(&writer).await?;
        schema::bring_up(&writer, name).await?;
        let readers = sqlite::readers(path).await?;
        let reader = Reader::of_pool(readers.clone());
        let revision = watch::Sender::new(reader.change_latest().await?);
        let database = Database::Sqlite(File::new(readers, writer));
        Self::begin_with(reader, database, revision).await
    }

    /// Connects to a database on a PostgreSQL server and brings its schema up to
    /// date. Of several hosts, whichever is the primary is used; when it is lost,
    /// the next one is, as soon as there is one.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] if none of the hosts is a primary that lets us
    /// in; [`StoreError::Unsuitable`] if the database cannot hold the state;
    /// [`StoreError::Newer`] if a newer Muster has used it, with which this one does
    /// not go together.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let name = url.to_string();
        let url = url.clone();
        // Changes of the schema go on to their end even if the caller stops
        // waiting for them.
        let connected = in_task(async move { Self::try_connect(&url).await }).await;
        connected.map_err(|error| error.opening(&name))
    }

    async fn try_connect(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let revision = watch::Sender::new(0);
        let server = Arc::new(Server::connect(url, revision.clone()).await?);
        server.forget_commits().await?;
        let reader = Reader::of_server(Arc::clone(&server));
        let latest = reader.change_latest().await?;
        revision.send_if_modified(|known| {
            let news = *known < latest;
            *known = latest.max(*known);
            news
        });
        Self::begin_with(reader, Database::Postgres(server), revision).await
    }

    async fn begin_with(
        reader: Reader,
        database: Database,
        revision: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        let store = Self {
            inner: Arc::new(Inner {
                reader,
                database,
                revision,
            }),
            guard: None,
        };
        if !store.audit_is_adopted().await? {
            store
                .write(|tx| Box::pin(async move { tx.audit_adopt().await }))
                .await?;
        }
        Ok(store)
    }

    /// The same store, whose transactions depend on a lease.
    pub(crate) fn guarded(&self, guard: Guard) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            guard: Some(Arc::new(guard)),
        }
    }

    /// Runs `work` in one transaction: all that it changes is committed if it
    /// succeeds, and nothing if it fails or panics. Transactions take turns.
    /// The work goes on to its end even if the caller stops waiting, so that no
    /// transaction is left open. It must not call `write` again.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T> + Send + 'static,
        T: Send + 'static,
    {
        self.write_or_refuse(work).await
    }

    /// Like [`write`](Self::write), for work that may refuse for reasons of its
    /// own: any error of the caller's type rolls back as well.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub async fn write_or_refuse<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_if(true, work).await
    }

    /// Like [`write_or_refuse`](Self::write_or_refuse), but takes back whatever
    /// `work` has changed unless told to `keep` it: it only tells what would
    /// come of it.
    ///
    /// # Errors
    /// What `work` returns, or why the transaction failed.
    pub async fn write_if<T, E, F>(&self, keep: bool, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let guard = self.guard.clone();
        in_task(async move {
            let begun = inner.begin_write(guard.as_deref()).await?;
            inner.finish(begun, keep, work).await
        })
        .await
    }

    /// Runs `work` in a transaction that touches nothing but leases, and waits
    /// for no other that writes if the database allows for it.
    pub(crate) async fn write_lease<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T> + Send + 'static,
        T: Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        in_task(async move {
            let begun = match &inner.database {
                Database::Sqlite(_) => inner.begin_write(None).await?,
                Database::Postgres(server) => begin(server, Purpose::Lease).await?,
            };
            inner.finish(begun, true, work).await
        })
        .await
    }

    /// Runs `work` on one unchanging state of the database, whatever is written
    /// meanwhile. For answers that take several questions; they go to the reader
    /// that the work is given.
    ///
    /// # Errors
    /// What `work` returns, or why the database could not be read.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t Reader) -> Work<'t, T> + Send + 'static,
        T: Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        in_task(async move {
            let begun = match &inner.database {
                Database::Sqlite(file) => Begun {
                    tx: Tx::new(file.begin_read().await?),
                    turn: None,
                },
                Database::Postgres(server) => begin(server, Purpose::Read).await?,
            };
            let answer = work(&begun.tx).await;
            let ended = begun.tx.roll_back().await;
            answer.and_then(|answer| ended.map(|()| answer))
        })
        .await
    }

    /// Runs statements on the connection that writes, as somebody would who has
    /// the database.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &str) {
        use sea_orm::ConnectionTrait;
        match &self.inner.database {
            Database::Sqlite(file) => {
                file.writer.execute_unprepared(sql).await.unwrap();
            }
            Database::Postgres(_) => {
                self.inner
                    .reader
                    .db()
                    .execute_unprepared(sql)
                    .await
                    .unwrap();
            }
        }
    }

    /// Watches the newest revision of the change log. It moves after a
    /// transaction that appended to the log has been committed, by whichever
    /// host.
    #[must_use]
    pub fn revisions(&self) -> Revisions {
        Revisions::new(self.inner.revision.subscribe())
    }

    /// Passes on that the change log has come so far.
    pub(crate) fn hear(&self, revision: u64) {
        self.inner.hear(revision);
    }

    /// Waits for the transaction that runs, then closes the database. Later
    /// calls fail with [`StoreError::Closed`].
    ///
    /// # Errors
    /// Why it could not be closed; what was committed is safe all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        match &self.inner.database {
            Database::Sqlite(file) => file.close().await?,
            Database::Postgres(server) => server.close().await,
        }
        Ok(())
    }
}

impl Inner {
    /// Begins a transaction that writes, once it is its turn.
    async fn begin_write(&self, guard: Option<&Guard>) -> Result<Begun, StoreError> {
        let begun = match &self.database {
            Database::Sqlite(file) => {
                let (transaction, turn) = file.begin_write().await?;
                Begun {
                    tx: Tx::new(transaction),
                    turn: Some(turn),
                }
            }
            Database::Postgres(server) => begin(server, Purpose::Write).await?,
        };
        if let Some(guard) = guard
            && let Err(error) = begun.tx.lease_hold(guard).await
        {
            roll_back(begun.tx).await;
            return Err(error);
        }
        Ok(begun)
    }

    /// Passes on that the change log has come so far, unless more is known.
    fn hear(&self, revision: u64) {
        self.revision.send_if_modified(|known| {
            let news = *known < revision;
            *known = revision.max(*known);
            news
        });
    }

    /// Does the work and ends the transaction.
    async fn finish<T, E, F>(&self, begun: Begun, keep: bool, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T, E> + Send,
        E: From<StoreError>,
    {
        match work(&begun.tx).await {
            Ok(value) if keep => {
                let revision = begun.tx.revision();
                self.commit(begun).await?;
                if let Some(revision) = revision {
                    self.hear(revision);
                }
                Ok(value)
            }
            result => {
                roll_back(begun.tx).await;
                result
            }
        }
    }

    /// Commits. If the server is lost meanwhile, the next one is asked.
    async fn commit(&self, begun: Begun) -> Result<(), StoreError> {
        let server = match &self.database {
            // A lease that may or may not be renewed is renewed again.
            Database::Postgres(server) if begun.turn.is_some() => server,
            _ => {
                begun.tx.commit(None).await?;
                return Ok(());
            }
        };
        let mark = server.mark();
        let Err(error) = begun.tx.commit(Some(mark)).await else {
            return Ok(());
        };
        drop(begun.turn);
        let StoreError::Unknown { reason } = error else {
            return Err(error);
        };
        match server.is_committed(mark).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Unreachable { reason }),
            Err(_) => Err(StoreError::Unknown { reason }),
        }
    }
}

async fn begin(server: &Server, purpose: Purpose) -> Result<Begun, StoreError> {
    let (begun, server) = server.begin(purpose).await?;
    Ok(Begun {
        tx: Tx::new(Transaction::new(begun.transaction, Some(server))),
        turn: begun.turn,
    })
}

async fn roll_back(tx: Tx) {
    if let Err(failure) = tx.roll_back().await {
        tracing::warn!(%failure, "a transaction could not be rolled back at once");
    }
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.inner.reader
    }
}

/// Runs a transaction in a task of its own. A future may be dropped at any
/// point, and one that is dropped in the middle of a transaction can hand its
/// connection back with the transaction open; a task always comes to its end.
async fn in_task<T, E>(
    transaction: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(transaction).await {
        Ok(result) => result,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Closed.into()),
        },
    }
}

#[cfg(test)]
mod tests;
