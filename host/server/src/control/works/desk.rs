//! Where a work at hand says how far it is.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use muster_api::{id::JobId, jobs::Progress};
use muster_store::{Store, StoreError};

use crate::control::jobs::{advance, tell};

/// How often progress is written down.
const INTERVAL: Duration = Duration::from_millis(500);

/// A job at work. Progress may be noted as often as one likes; it is written
/// down twice a second at most.
pub(crate) struct Desk {
    store: Store,
    id: JobId,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    step: &'static str,
    progress: Option<Progress>,
    written: (&'static str, Option<Progress>),
}

impl Desk {
    pub(super) fn new(store: Store, id: JobId) -> Self {
        Self {
            store,
            id,
            noted: Mutex::default(),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is being done, and how much of how much of it.
    pub(crate) fn note(&self, step: &'static str, done: u64, total: u64) {
        let mut noted = self.noted();
        noted.step = step;
        noted.progress = Some(Progress { done, total });
    }

    /// Writes a line into the job's log.
    pub(crate) async fn say(&self, line: impl Into<String>) -> Result<(), StoreError> {
        let (id, lines) = (self.id, [line.into()]);
        let step = self.noted().step;
        self.store
            .write(move |tx| Box::pin(async move { tell(tx, id, step, &lines).await }))
            .await
    }

    /// Writes down what was noted, until the job is cancelled.
    pub(super) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.store.job_get(self.id).await {
                Ok(Some(job)) if !job.state.is_final() => {}
                Ok(_) => return,
                Err(_) => continue,
            }
            let (step, progress) = {
                let noted = self.noted();
                if noted.written == (noted.step, noted.progress) {
                    continue;
                }
                (noted.step, noted.progress)
            };
            let id = self.id;
            let written = self.store.write(move |tx| {
                Box::pin(async move {
                    tx.job_step(id, step).await?;
                    match progress {
                        Some(progress) => advance(tx, id, progress).await,
                        None => Ok(()),
                    }
                })
            });
            if written.await.is_ok() {
                self.noted().written = (step, progress);
            }
        }
    }
}
