//! Works: jobs that are of no app, one after the other. Each has a message in the
//! queue of works, which has it done. They go on after a restart; whoever cancels one
//! ends it where it is.

mod desk;

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use muster_api::{id::JobId, jobs::JobState, problem::Problem};
use muster_blocks::BlocksError;
use muster_bus::Channel;
use muster_store::{ChangeKind, JobRecord, MessageRecord, Store, StoreError, Tx, Work};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::desk::Desk;
use super::{
    backups::Backups,
    block_storage::BlockStorage,
    error::ControlError,
    jobs::{end, problem},
    queues::{
        Turn, WORKS,
        worker::{Does, Outcome, Worker},
    },
};

/// Moves all blocks to another place.
pub(crate) const BLOCKS_MOVE: &str = "blocks-move";
/// Reads every block that is needed.
pub(crate) const BLOCKS_VERIFY: &str = "blocks-verify";

/// Makes a backup.
pub(crate) const BACKUP_CREATE: &str = "backup-create";
/// Reads a backup to its end.
pub(crate) const BACKUP_VERIFY: &str = "backup-verify";

/// How long to wait when the state cannot be read or written.
const REST: Duration = Duration::from_secs(1);

const KINDS: &[&str] = &[BLOCKS_MOVE, BLOCKS_VERIFY, BACKUP_CREATE, BACKUP_VERIFY];

/// Whether a job is one of these.
pub(crate) fn is_work(job: &JobRecord) -> bool {
    KINDS.contains(&job.kind.as_str())
}

/// Who does them.
#[derive(Clone)]
pub(crate) struct Works {
    pub(crate) store: Store,
    pub(crate) block_storage: BlockStorage,
    pub(crate) backups: Backups,
}

impl Works {
    /// Does what waits, until stopped.
    pub(crate) async fn run(self, channel: Channel, stop: CancellationToken) {
        while let Err(error) = self.adopt().await {
            tracing::warn!(%error, "jobs cannot be looked up");
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = stop.cancelled() => return,
            }
        }
        let worker = Worker {
            queue: WORKS,
            store: self.store.clone(),
            channel,
            // Jobs are in the change log.
            wake: Arc::default(),
        };
        worker.run(self, stop).await;
    }

    /// Sees to it that every job that has not ended is done: it may be from before
    /// there were queues.
    async fn adopt(&self) -> Result<(), StoreError> {
        self.store
            .write(|tx| {
                Box::pin(async move {
                    for job in tx
                        .job_list_unfinished()
                        .await?
                        .iter()
                        .filter(|it| is_work(it))
                    {
                        if tx.message_get(job.id.0).await?.is_none() {
                            tx.message_put(&message(job)).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn do_job(&self, message: &MessageRecord, stop: &CancellationToken) -> Outcome {
        let carried_out = async {
            match self.store.job_get(JobId(message.id)).await? {
                Some(job) if !job.state.is_final() => self.carry_out(job).await,
                _ => Ok(()),
            }
        };
        tokio::select! {
            done = carried_out => match done {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error.to_string()),
            },
            () = stop.cancelled() => Outcome::Interrupted,
        }
    }

    /// Carries a job out.
    async fn carry_out(&self, job: JobRecord) -> Result<(), StoreError> {
        let id = job.id;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.job_start(id, muster_store::now()).await?;
                    tx.change_append("job", id, ChangeKind::Updated, None).await
                })
            })
            .await?;
        let desk = Arc::new(Desk::new(self.store.clone(), id));
        let outcome = tokio::select! {
            outcome = self.work(&job, &desk) => outcome,
            () = desk.keep_up() => return Ok(()),
        };
        if let Err(failed) = &outcome {
            tracing::warn!(job = %id, kind = job.kind, detail = failed.detail, "a job failed");
        }
        let last = match &outcome {
            Ok(said) => said.clone(),
            Err(problem) if problem.detail.is_empty() => problem.title.clone(),
            Err(problem) => format!("{}: {}", problem.title, problem.detail),
        };
        let outcome = outcome.map(drop);
        self.store
            .write(move |tx| Box::pin(async move { end(tx, id, outcome, &last).await }))
            .await
    }

    /// Does it, and says what came of it.
    async fn work(&self, job: &JobRecord, desk: &Arc<Desk>) -> Result<String, Problem> {
        let odd = |error| failed(&error);
        match job.kind.as_str() {
            BLOCKS_MOVE => {
                self.block_storage
                    .carry_out_move(input(job).map_err(odd)?, desk)
                    .await
            }
            BLOCKS_VERIFY => {
                self.block_storage
                    .carry_out_verify(input(job).map_err(odd)?, desk)
                    .await
            }
            BACKUP_CREATE => {
                self.backups
                    .carry_out_create(input(job).map_err(odd)?, desk)
                    .await
            }
            BACKUP_VERIFY => {
                self.backups
                    .carry_out_verify(input(job).map_err(odd)?, desk)
                    .await
            }
            other => Err(failed(&ControlError::Internal(format!(
                "nobody does jobs of the kind {other}"
            )))),
        }
    }
}

impl Does for Works {
    fn attempt<'a>(
        &'a self,
        message: &'a MessageRecord,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        self.do_job(message, stop).boxed()
    }
}

/// The message that has a job done.
fn message(job: &JobRecord) -> MessageRecord {
    let body = json!({ "kind": job.kind, "subject": job.subject });
    let key = format!("{} {}", job.kind, job.id);
    MessageRecord::new(job.id.0, WORKS.name, key, body)
}

/// What becomes of a job with its message.
pub(super) fn turned<'t>(tx: &'t Tx, message: &'t MessageRecord, turn: Turn) -> Work<'t, ()> {
    Box::pin(async move {
        let id = JobId(message.id);
        let Some(job) = tx.job_get(id).await? else {
            return Ok(());
        };
        match turn {
            Turn::Retried => {
                tx.job_reopen(id).await?;
            }
            Turn::GivenUp | Turn::Dropped if job.state.is_final() => {}
            Turn::GivenUp => {
                let why = problem(
                    "job-given-up",
                    "The job was begun too often and never ended",
                    message.last_error.clone().unwrap_or_default(),
                    Some(format!(
                        "have it done again with: muster queue retry {} {id}",
                        WORKS.name
                    )),
                );
                let last = why.title.clone();
                return end(tx, id, Err(why), &last).await;
            }
            Turn::Dropped => {
                tx.job_finish(id, JobState::Cancelled, None, muster_store::now())
                    .await?;
            }
        }
        tx.change_append("job", id, ChangeKind::Updated, None)
            .await?;
        Ok(())
    })
}

/// What a job was asked to do.
fn input<T: DeserializeOwned>(job: &JobRecord) -> Result<T, ControlError> {
    serde_json::from_value(job.input.clone())
        .map_err(|error| ControlError::Internal(error.to_string()))
}

/// Makes a job that waits for its turn.
pub(crate) async fn begin(
    tx: &Tx,
    kind: &str,
    subject: &str,
    input: &(impl Serialize + Sync),
) -> Result<JobRecord, ControlError> {
    let waiting = tx.job_list_unfinished().await?;
    if let Some(other) = waiting.iter().find(|job| job.kind == kind) {
        return Err(ControlError::Conflict {
            code: "job-in-progress",
            message: format!("the same is under way: the job {}", other.id),
            remedy: format!(
                "wait for it with: muster job show {} --follow; or end it with: muster job cancel {}",
                other.id, other.id
            ),
        });
    }
    let input = serde_json::to_value(input).unwrap_or(Value::Null);
    let job = JobRecord {
        id: JobId(Uuid::now_v7()),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        app: None,
        project: None,
        state: JobState::Queued,
        step: "waiting".to_owned(),
        progress: None,
        input,
        log: Vec::new(),
        problem: None,
        created_at: muster_store::now(),
        started_at: None,
        ended_at: None,
    };
    tx.job_insert(&job).await?;
    tx.message_put(&message(&job)).await?;
    tx.change_append("job", job.id, ChangeKind::Created, None)
        .await?;
    Ok(job)
}

/// Why a job failed, for whoever asked for it.
pub(crate) fn failed(error: &ControlError) -> Problem {
    match error {
        ControlError::Conflict {
            code,
            message,
            remedy,
        }
        | ControlError::Unavailable {
            code,
            message,
            remedy,
        } => problem(code, "It cannot be done", message, Some(remedy.clone())),
        ControlError::Blocks(BlocksError::Away { .. }) => problem(
            "blocks-away",
            "The server that keeps the blocks is away",
            error.to_string(),
            Some("see how it is with: muster blocks show; then try again".to_owned()),
        ),
        ControlError::Blocks(BlocksError::NoSpace)
        | ControlError::Store(StoreError::NoSpace | StoreError::NoSpaceThere) => problem(
            "no-space",
            "The disk is full",
            error.to_string(),
            Some("free some space and try again".to_owned()),
        ),
        ControlError::Blocks(BlocksError::Corrupt(_) | BlocksError::Missing(_)) => problem(
            "blocks-damaged",
            "A block that is needed is missing or damaged",
            error.to_string(),
            Some("see what can be done with: muster blocks verify --repair".to_owned()),
        ),
        other => problem("job-failed", "The job failed", other.to_string(), None),
    }
}
