//! The open database, and the one way to change it.

use std::{ops::Deref, panic, path::Path, pin::Pin, sync::Arc};

use muster_migrations::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, TransactionTrait};
use tokio::sync::{Mutex, watch};

use crate::{error::StoreError, reader::Reader, sqlite, tx::Tx};

/// What a closure given to [`Store::write`] or [`Store::read`] returns:
/// `Box::pin(async move { … })`.
pub type Work<'t, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// The open database. Clones share it. What can be asked are the methods of
/// [`Reader`].
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reader: Reader,
    readers: DatabaseConnection,
    writer: DatabaseConnection,
    /// Writers take turns in the order in which they came. Without it they
    /// would meet inside the database, which lets the later one fail.
    turn: Mutex<()>,
    revision: watch::Sender<u64>,
}

impl Store {
    /// Opens the database in the file at `path`, makes it if there is none, and
    /// brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if the file is damaged, is no database or
    /// cannot be opened; [`StoreError::Newer`] if a newer Muster has used it;
    /// [`StoreError::NoSpace`] and [`StoreError::ReadOnly`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::try_open(path)
            .await
            .map_err(|error| error.opening(path))
    }

    async fn try_open(path: &Path) -> Result<Self, StoreError> {
        sqlite::create(path)?;
        let writer = sqlite::writer(path).await?;
        sqlite::check(&writer).await?;
        refuse_newer(&writer, path).await?;
        Migrator::up(&writer, None).await?;
        let readers = sqlite::readers(path).await?;
        let reader = Reader::of_pool(readers.clone());
        let revision = watch::Sender::new(reader.change_latest().await?);
        let store = Self {
            inner: Arc::new(Inner {
                reader,
                readers,
                writer,
                turn: Mutex::new(()),
                revision,
            }),
        };
        store
            .write(|tx| Box::pin(async move { tx.audit_adopt().await }))
            .await?;
        Ok(store)
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
        in_task(async move {
            let _turn = inner.turn.lock().await;
            let begun = inner
                .writer
                .begin_with_options(sqlite::write_options())
                .await;
            let tx = Tx::new(begun.map_err(StoreError::from)?);
            match work(&tx).await {
                Ok(value) if keep => {
                    if let Some(revision) = tx.commit().await? {
                        inner.revision.send_replace(revision);
                    }
                    Ok(value)
                }
                result => {
                    if let Err(failure) = tx.roll_back().await {
                        tracing::warn!(%failure, "a transaction could not be rolled back at once");
                    }
                    result
                }
            }
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
            let tx = Tx::new(inner.readers.begin().await?);
            let answer = work(&tx).await;
            let ended = tx.roll_back().await;
            answer.and_then(|answer| ended.map(|()| answer))
        })
        .await
    }

    /// Runs statements on the connection that writes, as somebody would who has
    /// the file.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &str) {
        use sea_orm::ConnectionTrait;
        self.inner.writer.execute_unprepared(sql).await.unwrap();
    }

    /// Watches the newest revision of the change log. It moves after the
    /// transaction that appended to the log has been committed.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.inner.revision.subscribe()
    }

    /// Waits for the transaction that runs, then closes the database. Later
    /// calls fail with [`StoreError::Closed`].
    ///
    /// # Errors
    /// Why it could not be closed; what was committed is safe all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        let _turn = self.inner.turn.lock().await;
        self.inner.readers.close_by_ref().await?;
        self.inner.writer.close_by_ref().await?;
        Ok(())
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

async fn refuse_newer(db: &DatabaseConnection, path: &Path) -> Result<(), StoreError> {
    let known: Vec<String> = Migrator::migrations()
        .iter()
        .map(|change| change.name().to_owned())
        .collect();
    let applied = Migrator::get_migration_models(db).await?;
    match applied
        .into_iter()
        .find(|change| !known.contains(&change.version))
    {
        Some(change) => Err(StoreError::Newer {
            path: path.to_owned(),
            change: change.version,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
