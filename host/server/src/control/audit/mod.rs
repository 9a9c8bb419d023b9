//! The audit log: reading it, checking it, and writing down what was refused.
//!
//! A change is written down in its own transaction (see [`record`](super::record)).
//! A refusal has none; it goes through a bounded queue to a task, which folds
//! what is refused over and over. So whoever is refused can neither slow the
//! host nor fill its disk.

mod fold;
mod own;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::{Stream, stream};
use muster_api::{
    audit::{AuditEntry, AuditFilter, AuditHead, AuditRecord, AuditVerification},
    config::audit::AuditConfig,
    page::{Page, PageQuery},
};
use muster_store::{AuditKeep, Store, StoreError};
use time::{Duration, OffsetDateTime};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use self::fold::Folding;
pub(crate) use self::own::OwnEntries;
use super::{error::ControlError, views::page_limit};

/// How many refusals may wait to be written.
const QUEUE: usize = 1024;
/// How many are written in one transaction.
const BATCH: usize = 256;
/// How many entries are read or removed at a time.
const ROUND: u64 = 500;
const PRUNE_ROUND: u64 = 5_000;

/// An attempt that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    /// Who they are, or say they are, if they say so.
    pub(crate) actor: Option<String>,
    /// Whether they have shown it.
    pub(crate) proven: bool,
    /// By which credential; never a secret.
    pub(crate) credential: Option<String>,
    /// What they wanted to do, such as `app.delete`.
    pub(crate) action: String,
    /// To what: its name, or the path if that names nothing.
    pub(crate) subject: String,
    /// From which address.
    pub(crate) origin: Option<String>,
    /// The request's id.
    pub(crate) request: Option<String>,
    /// Why it was refused: the problem's code.
    pub(crate) code: String,
}

/// The audit log.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    store: Store,
    /// What belongs in it as well, if the state is shared.
    own: Option<OwnEntries>,
    queue: mpsc::Sender<(OffsetDateTime, Refusal)>,
    /// How many refusals found the queue full.
    missed: Arc<AtomicU64>,
    /// Checking reads everything, so one at a time.
    checking: Arc<Semaphore>,
}

/// What writes refusals down.
#[derive(Debug)]
pub(crate) struct Refusals {
    store: Store,
    queue: mpsc::Receiver<(OffsetDateTime, Refusal)>,
    missed: Arc<AtomicU64>,
}

impl Audit {
    /// The log, and the work that has to run beside it.
    pub(crate) fn new(store: Store, own: Option<OwnEntries>) -> (Self, Refusals) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicU64::new(0));
        let refusals = Refusals {
            store: store.clone(),
            queue,
            missed: Arc::clone(&missed),
        };
        let audit = Self {
            store,
            own,
            queue: sender,
            missed,
            checking: Arc::new(Semaphore::new(1)),
        };
        (audit, refusals)
    }

    /// Has a refusal written down, without waiting for it.
    pub(crate) fn refused(&self, refusal: Refusal) {
        if self.queue.try_send((muster_store::now(), refusal)).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sees to it that what this host has changed is in the log.
    async fn is_whole(&self) -> Result<(), StoreError> {
        match &self.own {
            Some(own) => own.carry_over().await,
            None => Ok(()),
        }
    }

    /// A page of the entries that match, newest first.
    pub(crate) async fn list(
        &self,
        filter: &AuditFilter,
        query: &PageQuery,
    ) -> Result<Page<AuditRecord>, ControlError> {
        let cursor = query.cursor.as_deref().map(str::parse::<u64>).transpose();
        let cursor = cursor
            .map_err(|_| ControlError::invalid("cursor", "this is no cursor of this list"))?;
        let limit = page_limit(query)?;
        self.is_whole().await?;
        Ok(self.store.audit_list(filter, cursor, limit).await?)
    }

    /// All entries that match and are there now, oldest first, in parts.
    pub(crate) async fn export(
        &self,
        filter: AuditFilter,
    ) -> Result<impl Stream<Item = Result<Vec<AuditRecord>, StoreError>> + use<>, ControlError>
    {
        self.is_whole().await?;
        let end = self.store.audit_head().await?.number;
        let store = self.store.clone();
        Ok(stream::try_unfold(0, move |last| {
            let (store, filter) = (store.clone(), filter.clone());
            async move {
                let mut part = store.audit_after(&filter, last, ROUND).await?;
                part.retain(|record| record.number <= end);
                let last = part.last().map(|record| record.number);
                Ok(last.map(|last| (part, last)))
            }
        }))
    }

    /// Whether the log is what was written.
    pub(crate) async fn verify(
        &self,
        noted: Option<AuditHead>,
    ) -> Result<AuditVerification, ControlError> {
        let _turn = self.checking.acquire().await;
        self.is_whole().await?;
        Ok(self.store.audit_verify(noted).await?)
    }
}

/// Removes what need not be kept, in rounds, so that nobody waits long for the
/// database.
pub(crate) async fn prune(store: &Store, config: &AuditConfig) -> Result<(), ControlError> {
    // By whole days: one removal a day, and one entry that tells of it.
    let since = (config.keep_days > 0).then(|| {
        let midnight = OffsetDateTime::now_utc().replace_time(time::Time::MIDNIGHT);
        midnight.checked_sub(Duration::days(i64::from(config.keep_days)))
    });
    let keep = AuditKeep {
        since: since.flatten(),
        entries: config.max_entries.max(AuditConfig::MIN_ENTRIES),
    };
    let mut removed = 0;
    loop {
        let gone = store
            .write(move |tx| Box::pin(async move { tx.audit_prune(keep, PRUNE_ROUND).await }))
            .await?;
        removed += gone;
        if gone == 0 {
            break;
        }
    }
    if removed > 0 {
        tracing::info!(
            entries = removed,
            "old entries of the audit log were removed"
        );
    }
    Ok(())
}

impl Refusals {
    /// Writes refusals down until stopped, and then what is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut folding = Folding::default();
        let mut clock = interval(fold::WINDOW / 6);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            let stopping = tokio::select! {
                count = self.queue.recv_many(&mut waiting, BATCH) => count == 0,
                _ = clock.tick() => false,
                () = stop.cancelled() => true,
            };
            while waiting.len() < BATCH || stopping {
                let Ok(refusal) = self.queue.try_recv() else {
                    break;
                };
                waiting.push(refusal);
            }
            for (_, refusal) in &mut waiting {
                self.forget_unknown(refusal).await;
            }
            let now = Instant::now();
            let mut entries: Vec<_> = waiting
                .drain(..)
                .filter_map(|(at, refusal)| folding.take(at, refusal, now))
                .collect();
            folding.miss(self.missed.swap(0, Ordering::Relaxed));
            entries.extend(folding.due(now, stopping));
            self.write(entries, &mut folding).await;
            if stopping {
                return;
            }
        }
    }

    /// Forgets a name that is nobody's: people sometimes type a password where
    /// their name belongs. That is found out here, since who signs in must not
    /// see by the time it takes which names exist.
    async fn forget_unknown(&self, refusal: &mut Refusal) {
        if refusal.proven {
            return;
        }
        let Some(name) = &refusal.actor else { return };
        let known = match self.store.user_by_name(name).await {
            Ok(None) if name.contains('@') => self.store.user_by_email(name).await,
            found => found,
        };
        refusal.actor = known.ok().flatten().map(|user| user.name);
    }

    async fn write(&self, entries: Vec<AuditEntry>, folding: &mut Folding) {
        if entries.is_empty() {
            return;
        }
        let count = entries.iter().map(|entry| entry.times).sum();
        let written = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    for entry in &entries {
                        tx.audit_append(entry).await?;
                    }
                    Ok(())
                })
            })
            .await;
        if let Err(error) = written {
            folding.miss(count);
            tracing::warn!(%error, refusals = count, "refused attempts could not be written into the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_api::audit::AuditOutcome;

    use super::*;

    fn refusal(number: usize) -> Refusal {
        Refusal {
            actor: Some("eve".to_owned()),
            proven: true,
            credential: None,
            action: "app.delete".to_owned(),
            subject: format!("/api/v1/apps/{number}"),
            origin: Some("192.0.2.1".to_owned()),
            request: Some("r".to_owned()),
            code: "forbidden".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_is_refused_is_written_and_a_flood_is_folded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("muster.db")).await.unwrap();
        let (audit, refusals) = Audit::new(store.clone(), None);
        let stop = CancellationToken::new();
        for _ in 0..500 {
            audit.refused(refusal(1));
        }
        audit.refused(refusal(2));
        // More than the queue holds, and nobody reads it yet.
        for number in 0..2000 {
            audit.refused(refusal(number % 3));
        }
        let running = tokio::spawn(refusals.run(stop.clone()));
        stop.cancel();
        running.await.unwrap();
        let all = audit
            .list(&AuditFilter::default(), &PageQuery::default())
            .await
            .unwrap()
            .items;
        assert!(all.len() <= 7, "{all:?}");
        assert!(
            all.iter()
                .all(|record| record.entry.outcome == AuditOutcome::Refused)
        );
        let counted: u64 = all.iter().map(|record| record.entry.times).sum();
        assert_eq!(counted, 2501, "nothing is lost without a trace");
        let lost = all
            .iter()
            .find(|record| record.entry.reason.as_deref() == Some("too-many"));
        assert_eq!(lost.unwrap().entry.times, 2501 - QUEUE as u64);
        assert!(audit.verify(None).await.unwrap().whole);
    }
}
