//! Who does what waits in a queue, one after the other. There is one for each queue,
//! on the host that leads: its transactions fail once another host does.
//!
//! What is due goes to the bus first, where there is one, and is done when it comes
//! back: by whichever host leads then. What the bus does not take, or does not bring,
//! is done from here. Whoever does a message takes it in a transaction of its own, so
//! that it is done once, however often word of it comes.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use muster_bus::Channel;
use muster_store::{MessageRecord, Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Queue, Turn};

/// How many messages are taken up at a time.
const BATCH: u32 = 50;
/// The longest wait between looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often it is looked whether the bus has lost something, where there is one.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// What the bus has not brought for so long is done all the same.
const OVERDUE: Duration = Duration::from_secs(10);
/// How long to wait when the state cannot be read or written.
const REST: Duration = Duration::from_secs(1);
/// More than so many that were given up are not kept in a queue.
const MOST_DEAD: u64 = 10_000;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done, or need not be done any more.
    Done,
    /// It failed, and may succeed later.
    Failed(String),
    /// It can never succeed.
    Broken(String),
    /// It was broken off because this host is to stop. That is no attempt.
    Interrupted,
}

/// Who does the messages of a queue.
pub(crate) trait Does: Send + Sync + 'static {
    /// Does one. It may have been done before, by somebody who could not say so any
    /// more.
    fn attempt<'a>(
        &'a self,
        message: &'a MessageRecord,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome>;
}

/// Has the messages of a queue done.
pub(crate) struct Worker {
    pub(crate) queue: &'static Queue,
    pub(crate) store: Store,
    pub(crate) channel: Channel,
    /// Notified when a message was put into the queue.
    pub(crate) wake: Arc<Notify>,
}

impl Worker {
    /// Works until stopped.
    pub(crate) async fn run(self, does: impl Does, stop: CancellationToken) {
        let mut deliveries = self.channel.deliveries(self.queue.name);
        let mut revisions = self.store.revisions();
        let queue = self.queue.name;
        // What was at hand when the one before ended is nobody's any more.
        let release = || {
            self.store
                .write(move |tx| Box::pin(async move { tx.message_release(queue).await }))
        };
        if self.surely(&stop, release).await.is_none() {
            return;
        }
        loop {
            revisions.mark_unchanged();
            let pause = match self.round(&does, &stop).await {
                Ok(()) => self.until_due().await,
                Err(error) => {
                    tracing::warn!(%error, queue, "a queue cannot be looked at; it is tried again");
                    REST
                }
            };
            tokio::select! {
                delivery = deliveries.next() => match self.take(delivery.id).await {
                    Ok(message) => {
                        delivery.taken().await;
                        if let Some(message) = message {
                            self.attempt(message, &does, &stop).await;
                        }
                    }
                    // The bus brings it again.
                    Err(error) => tracing::warn!(%error, queue, "what the bus brought waits"),
                },
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
                _ = revisions.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn until_due(&self) -> Duration {
        let longest = match self.channel.carries() {
            true => LOOK_AGAIN,
            false => INTERVAL,
        };
        let due = self.store.message_next_due(self.queue.name).await;
        let wait = due.ok().flatten().map(|due| due - muster_store::now());
        wait.map_or(longest, |wait| {
            let wait = Duration::try_from(wait).unwrap_or_default();
            wait.clamp(Duration::from_millis(100), longest)
        })
    }

    /// Gives the bus what is due, and does what it does not take.
    async fn round(&self, does: &impl Does, stop: &CancellationToken) -> Result<(), StoreError> {
        let queue = self.queue.name;
        loop {
            let now = muster_store::now();
            let bounds = (now - OVERDUE, self.queue.latest(now));
            let due = self.store.message_list_due(queue, now, bounds, BATCH);
            let due = due.await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut sent = Vec::new();
            let mut carries = self.channel.carries();
            for message in due {
                if stop.is_cancelled() {
                    return Ok(());
                }
                if carries && message.sent_at.is_none() {
                    let turn = message.due_at.unix_timestamp_nanos() / 1_000_000;
                    let turn = i64::try_from(turn).unwrap_or_default();
                    match self.channel.carry(queue, message.id, turn).await {
                        Ok(()) => {
                            sent.push(message.id);
                            continue;
                        }
                        Err(error) => {
                            tracing::debug!(%error, queue, "what is due is done without the bus");
                            carries = false;
                        }
                    }
                }
                if let Some(message) = self.take(message.id).await? {
                    self.attempt(message, does, stop).await;
                }
            }
            if !sent.is_empty() {
                self.store
                    .write(move |tx| {
                        Box::pin(async move { tx.message_sent(&sent, muster_store::now()).await })
                    })
                    .await?;
            }
        }
    }

    /// Takes a message, if it is to be done now.
    async fn take(&self, id: Uuid) -> Result<Option<MessageRecord>, StoreError> {
        let queue = self.queue;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    tx.message_take(id, (now, queue.latest(now))).await
                })
            })
            .await
    }

    /// Does a message that was taken, and notes what came of it.
    async fn attempt(&self, message: MessageRecord, does: &impl Does, stop: &CancellationToken) {
        let outcome = if message.attempts > self.queue.attempts {
            let error = message.last_error.as_deref();
            Outcome::Broken(error.unwrap_or("it never came to its end").to_owned())
        } else {
            let attempt = AssertUnwindSafe(does.attempt(&message, stop)).catch_unwind();
            attempt
                .await
                .unwrap_or_else(|_| Outcome::Failed("whoever did it panicked".to_owned()))
        };
        let settle = || self.settle(message.clone(), outcome.clone());
        self.surely(stop, settle).await;
    }

    /// Notes what came of an attempt.
    async fn settle(&self, message: MessageRecord, outcome: Outcome) -> Result<(), StoreError> {
        let (queue, id, attempts) = (self.queue, message.id, message.attempts);
        let again = matches!(outcome, Outcome::Failed(_)) && attempts < queue.attempts;
        if let Outcome::Failed(error) | Outcome::Broken(error) = &outcome {
            let (queue, about) = (queue.name, &message.key);
            if again {
                tracing::warn!(
                    queue,
                    about,
                    attempts,
                    error,
                    "it failed; it is tried again"
                );
            } else {
                tracing::error!(queue, about, attempts, error, message = %id, "it is given up; see `muster queue inspect`");
            }
        }
        let now = muster_store::now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    match outcome {
                        Outcome::Done => tx.message_delete(id).await.map(drop),
                        Outcome::Interrupted => {
                            let before = attempts.saturating_sub(1);
                            let error = message.last_error.as_deref();
                            tx.message_put_back(id, before, error, now).await
                        }
                        Outcome::Failed(error) if again => {
                            let due = now + queue.pause(attempts);
                            tx.message_put_back(id, attempts, Some(&error), due).await
                        }
                        Outcome::Failed(error) | Outcome::Broken(error) => {
                            let dead = tx.message_counts(queue.name).await?.dead;
                            if dead >= MOST_DEAD {
                                tx.message_delete(id).await?;
                            } else {
                                tx.message_bury(id, &error, now).await?;
                            }
                            let given_up = MessageRecord {
                                last_error: Some(error),
                                ..message
                            };
                            (queue.turns)(tx, &given_up, Turn::GivenUp).await
                        }
                    }
                })
            })
            .await
    }

    /// Does it again until it succeeds; `None` if this host is to stop first, or leads
    /// no more.
    async fn surely<T, Working>(
        &self,
        stop: &CancellationToken,
        work: impl Fn() -> Working,
    ) -> Option<T>
    where
        Working: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match work().await {
                Ok(done) => return Some(done),
                Err(error @ StoreError::Fenced { .. }) => {
                    tracing::debug!(%error, "another host sees to the queues");
                    stop.cancelled().await;
                    return None;
                }
                Err(error) => {
                    let queue = self.queue.name;
                    tracing::warn!(%error, queue, "it cannot be written down; it is tried again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}

impl Queue {
    /// What is due after that was put off by a clock that was wrong: no pause is so
    /// long.
    fn latest(&self, now: OffsetDateTime) -> OffsetDateTime {
        now + self.longest_pause * 2
    }

    /// The pause after so many attempts that failed; up to a quarter longer, so that
    /// messages do not come all at once.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        let pause = self.first_pause.saturating_mul(doubled);
        let pause = pause.min(self.longest_pause);
        pause.mul_f64(1.0 + rand::random::<f64>() / 4.0)
    }
}

#[cfg(test)]
mod tests;
