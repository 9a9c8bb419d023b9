//! The database as the rest of the store sees it: whichever server is the
//! primary now. A task of its own holds on to it, looks for the next one when it
//! is lost, and hears of changes that other hosts have made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr, SqlxError,
    sqlx::{Row, postgres::PgListener, query},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    commits::{Mark, Writer},
    failure::{lost, plain},
    generation::{Begun, Generation, gone},
    options::CHANNEL,
    primary::{self, Primary},
    schema,
    url::DatabaseUrl,
};
use crate::error::StoreError;

/// How long whoever needs the database waits for it when it was lost: about as
/// long as it takes to find out and to promote a standby. After that, everybody
/// is refused at once until it is back.
const GRACE: Duration = Duration::from_secs(8);

/// How often the server is asked whether it is still the primary, and how far
/// the change log has come.
const POLL: Duration = Duration::from_secs(1);

/// How long it may take to answer that.
const ANSWER: Duration = Duration::from_secs(3);

/// How long to wait before the hosts are asked anew which is the primary.
const PAUSE: Duration = Duration::from_millis(500);

/// What a transaction is begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To write, in turn with all others.
    Write,
    /// To change a lease.
    Lease,
    /// To see one unchanging state.
    Read,
}

/// A database on one of several hosts. Its task ends with it.
#[derive(Debug)]
pub(crate) struct Server {
    /// What this process is called in the table of commits.
    writer: Writer,
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    url: DatabaseUrl,
    state: watch::Sender<State>,
    revision: watch::Sender<u64>,
    /// The newest timeline seen so far.
    timeline: AtomicU32,
}

#[derive(Debug, Clone)]
enum State {
    Connected(Arc<Generation>),
    Lost { since: Instant, reason: String },
    Closed,
}

impl Server {
    /// Finds the primary and brings its schema up to date. `revision` is told of
    /// the newest revision of the change log from then on.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] if there is no primary, and whatever the
    /// schema may suffer from.
    pub async fn connect(
        url: &DatabaseUrl,
        revision: watch::Sender<u64>,
    ) -> Result<Self, StoreError> {
        let found = primary::find(url, 0).await;
        let primary = found.map_err(|reason| StoreError::Unreachable { reason })?;
        schema::prepare(url, &primary.address).await?;
        let shared = Arc::new(Shared {
            url: url.clone(),
            state: watch::Sender::new(State::Closed),
            revision,
            timeline: AtomicU32::new(0),
        });
        shared.take(primary);
        let keeper = tokio::spawn(Arc::clone(&shared).keep());
        Ok(Self {
            writer: Writer::new(),
            shared,
            keeper,
        })
    }

    /// Asks something outside of a transaction; again if the server was lost
    /// meanwhile, for a question changes nothing.
    pub async fn ask<T, F>(&self, question: impl Fn(DatabaseConnection) -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let deadline = Instant::now() + GRACE;
        loop {
            let generation = self.current(deadline).await?;
            let answer = generation.while_there(question(generation.readers())).await;
            match answer {
                Err(error) if lost(&error).is_some() && Instant::now() < deadline => {}
                answer => return answer,
            }
        }
    }

    /// Begins a transaction; again if the server was lost before it had begun.
    pub async fn begin(&self, purpose: Purpose) -> Result<(Begun, Arc<Generation>), DbErr> {
        let deadline = Instant::now() + GRACE;
        loop {
            let generation = self.current(deadline).await?;
            let begun = match purpose {
                Purpose::Write => generation.begin_write().await,
                Purpose::Lease => generation.begin_lease().await,
                Purpose::Read => generation.begin_read().await,
            };
            match begun {
                Err(error) if lost(&error).is_some() && Instant::now() < deadline => {}
                begun => return begun.map(|begun| (begun, generation)),
            }
        }
    }

    /// What the next transaction that writes is to leave behind.
    pub fn mark(&self) -> Mark {
        self.writer.mark()
    }

    /// Waits for the transaction that writes, then closes all connections.
    pub async fn close(&self) {
        let last = self.shared.state.send_replace(State::Closed);
        if let State::Connected(generation) = last {
            generation.finish().await;
        }
    }

    /// The primary; waits for one that is to come, but not for long.
    async fn current(&self, deadline: Instant) -> Result<Arc<Generation>, DbErr> {
        let mut state = self.shared.state.subscribe();
        loop {
            let until = match &*state.borrow_and_update() {
                State::Connected(generation) => return Ok(Arc::clone(generation)),
                State::Closed => return Err(closed()),
                State::Lost { since, reason } => {
                    let until = deadline.min(*since + GRACE);
                    if until <= Instant::now() {
                        return Err(gone(reason));
                    }
                    until
                }
            };
            // Whether it has changed or not: look again.
            let _ = timeout_at(until, state.changed()).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.keeper.abort();
        if let State::Connected(generation) = &*self.shared.state.borrow() {
            generation.close();
        }
    }
}

impl Shared {
    /// Goes over to a primary.
    fn take(&self, primary: Primary) {
        self.timeline.fetch_max(primary.timeline, Ordering::Relaxed);
        let address = primary.address.to_string();
        let generation = Generation::new(address, &primary.options);
        self.state
            .send_replace(State::Connected(Arc::new(generation)));
    }

    /// Holds on to the primary, and looks for the next one when it is lost.
    async fn keep(self: Arc<Self>) {
        loop {
            let state = self.state.borrow().clone();
            match state {
                State::Closed => return,
                State::Connected(generation) => {
                    let reason = self.follow(&generation).await;
                    generation.lose(&reason);
                    tracing::warn!(
                        server = generation.address,
                        reason,
                        "the database is lost; the next primary is looked for"
                    );
                    self.put(State::Lost {
                        since: Instant::now(),
                        reason: format!("{}: {reason}", generation.address),
                    });
                }
                State::Lost { since, .. } => {
                    let oldest = self.timeline.load(Ordering::Relaxed);
                    match primary::find(&self.url, oldest).await {
                        Ok(primary) if !self.is_closed() => {
                            tracing::info!(server = %primary.address, "the database is there again");
                            self.take(primary);
                        }
                        Ok(_) => return,
                        Err(reason) => {
                            self.put(State::Lost { since, reason });
                            sleep(PAUSE).await;
                        }
                    }
                }
            }
        }
    }

    fn is_closed(&self) -> bool {
        matches!(*self.state.borrow(), State::Closed)
    }

    /// Goes over to a state, unless it was closed meanwhile.
    fn put(&self, next: State) {
        self.state.send_if_modified(|state| {
            let open = !matches!(state, State::Closed);
            if open {
                *state = next;
            }
            open
        });
    }

    /// Follows a primary until it is lost, and says why it is.
    async fn follow(&self, generation: &Generation) -> String {
        tokio::select! {
            reason = generation.until_lost() => reason,
            reason = self.listen(generation) => reason,
        }
    }

    async fn listen(&self, generation: &Generation) -> String {
        let listening = timeout(ANSWER, listener(generation)).await;
        let mut listener = match listening {
            Ok(Ok(listener)) => listener,
            Ok(Err(error)) => return plain(&error),
            Err(_) => return silent(),
        };
        let mut first = true;
        loop {
            match timeout(ANSWER, newest(&mut listener)).await {
                Ok(Ok(Some(newest))) => self.hear(newest, first),
                Ok(Ok(None)) => return "it is no primary any more".to_owned(),
                Ok(Err(error)) => return plain(&error),
                Err(_) => return silent(),
            }
            first = false;
            match timeout(POLL, listener.try_recv()).await {
                // Several changes are one piece of news.
                Ok(Ok(Some(_))) => while listener.next_buffered().is_some() {},
                Ok(Ok(None)) => return "it has closed the connection".to_owned(),
                Ok(Err(error)) => return plain(&error),
                Err(_) => {}
            }
        }
    }

    /// Passes the newest revision on. It never moves back, unless the server is
    /// another one: that may lack what the last one had.
    fn hear(&self, newest: u64, first: bool) {
        self.revision.send_if_modified(|known| {
            let news = *known < newest || first && *known != newest;
            if news {
                *known = newest;
            }
            news
        });
    }
}

async fn listener(generation: &Generation) -> Result<PgListener, SqlxError> {
    let mut listener = PgListener::connect_with(generation.side()).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// The newest revision; none if the server is no primary.
async fn newest(listener: &mut PgListener) -> Result<Option<u64>, SqlxError> {
    let row = query("SELECT pg_is_in_recovery(), (SELECT max(revision) FROM changes)")
        .fetch_one(listener)
        .await?;
    if row.try_get(0)? {
        return Ok(None);
    }
    let newest: Option<i64> = row.try_get(1)?;
    Ok(Some(
        newest
            .and_then(|newest| u64::try_from(newest).ok())
            .unwrap_or_default(),
    ))
}

fn silent() -> String {
    format!("no answer within {} seconds", ANSWER.as_secs())
}

fn closed() -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(SqlxError::PoolClosed)))
}
