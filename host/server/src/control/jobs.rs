//! Jobs: what takes longer than a moment, kept in the database so that it
//! survives the host.

use std::time::Duration;

use muster_api::{
    id::JobId,
    jobs::{Job, JobFilter, JobQuery, JobState, Progress},
    page::{Page, PageQuery},
    problem::Problem,
};
use muster_store::{AppRecord, ChangeKind, JobRecord, Reader, Store, StoreError, Tx};
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    error::ControlError,
    record::{Actor, Change, record},
    rollouts,
    terms::Terms,
    views::{job_view, page_limit},
};

/// How long a question for news waits for some.
const PATIENCE: Duration = Duration::from_secs(20);

/// The jobs of this host.
#[derive(Clone)]
pub(crate) struct Jobs {
    pub(crate) store: Store,
}

impl Jobs {
    /// One page of jobs, newest first.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        filter: &JobFilter,
        query: &PageQuery,
    ) -> Result<Page<Job>, ControlError> {
        let cursor = query.cursor.as_deref().map(str::parse::<JobId>).transpose();
        let cursor = cursor
            .map_err(|_| ControlError::invalid("cursor", "this is no cursor of this list"))?;
        let among = actor.among();
        let limit = page_limit(query)?;
        let page = self
            .store
            .job_list(among.as_deref(), filter, cursor, limit)
            .await?;
        Ok(Page {
            items: page.items.into_iter().map(job_view).collect(),
            next: page.next,
        })
    }

    /// A job; waits for news if asked to.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        id: JobId,
        query: &JobQuery,
    ) -> Result<(JobRecord, Job), ControlError> {
        let mut revisions = self.store.revisions();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            revisions.mark_unchanged();
            let job = require(&self.store, actor, id).await?;
            let news = query
                .after_lines
                .is_none_or(|lines| job.log.len() > lines || job.state.is_final());
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if news || !matches!(timeout(left, revisions.changed()).await, Ok(Ok(()))) {
                return Ok((job.clone(), job_view(job)));
            }
        }
    }

    /// Cancels a job that has not ended. What it rolled out is taken back.
    pub(crate) async fn cancel(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: JobId,
    ) -> Result<Job, ControlError> {
        let (actor, terms) = (actor.clone(), terms.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let job = require(tx, &actor, id).await?;
                    terms.check(Some(&job))?;
                    if job.state.is_final() {
                        return Err(ControlError::Conflict {
                            code: "job-ended",
                            message: format!("the job {id} has ended already"),
                            remedy: format!("see how with: muster job show {id}"),
                        });
                    }
                    tx.job_finish(id, JobState::Cancelled, None, muster_store::now())
                        .await?;
                    if let (Some(app), Some(release)) = (job.app, release_of(&job)) {
                        rollouts::abandon(tx, app, release, "the roll-out was cancelled").await?;
                    }
                    let change = Change {
                        resource: "job",
                        project: job.project,
                        id: id.to_string(),
                        name: &job.subject,
                        verb: "cancel",
                        kind: ChangeKind::Updated,
                        before: None,
                        after: None,
                    };
                    record(tx, &actor, change).await?;
                    let job = tx.job_get(id).await?.ok_or_else(|| missing(id))?;
                    Ok(job_view(job))
                })
            })
            .await
    }
}

/// The job of that id, for somebody who may do with it what they ask for.
async fn require(db: &Reader, actor: &Actor, id: JobId) -> Result<JobRecord, ControlError> {
    let job = db.job_get(id).await?.ok_or_else(|| missing(id))?;
    if let Some(project) = job.project {
        actor.require(project, "job", &id.to_string())?;
    }
    Ok(job)
}

fn missing(id: JobId) -> ControlError {
    ControlError::not_found("job", id.to_string())
}

/// Makes a job that waits for its turn.
pub(crate) async fn begin(
    tx: &Tx,
    kind: &str,
    app: &AppRecord,
    input: Value,
    step: &str,
) -> Result<JobRecord, StoreError> {
    let job = JobRecord {
        id: JobId(Uuid::now_v7()),
        kind: kind.to_owned(),
        subject: app.name.clone(),
        app: Some(app.id),
        project: Some(app.project),
        state: JobState::Queued,
        step: step.to_owned(),
        progress: None,
        input,
        log: Vec::new(),
        problem: None,
        created_at: muster_store::now(),
        started_at: None,
        ended_at: None,
    };
    tx.job_insert(&job).await?;
    tx.change_append("job", job.id, ChangeKind::Created, job.project)
        .await?;
    Ok(job)
}

/// Adds lines to a job's log and names its step.
pub(crate) async fn tell(
    tx: &Tx,
    id: JobId,
    step: &str,
    lines: &[String],
) -> Result<(), StoreError> {
    tx.job_step(id, step).await?;
    tx.job_log_append(id, lines).await?;
    changed(tx, id).await?;
    Ok(())
}

/// Tells those who watch that a job is different.
async fn changed(tx: &Tx, id: JobId) -> Result<(), StoreError> {
    let project = tx.job_get(id).await?.and_then(|job| job.project);
    tx.change_append("job", id, ChangeKind::Updated, project)
        .await?;
    Ok(())
}

/// Says how much of a job is done, if that is news.
pub(crate) async fn advance(tx: &Tx, id: JobId, progress: Progress) -> Result<(), StoreError> {
    let known = tx.job_get(id).await?.and_then(|job| job.progress);
    if known != Some(progress) && tx.job_progress(id, progress).await? {
        changed(tx, id).await?;
    }
    Ok(())
}

/// Forgets the jobs that ended so many days ago; none if it is 0.
pub(crate) async fn prune(store: &Store, keep_days: u32) -> Result<(), StoreError> {
    let age = time::Duration::days(i64::from(keep_days));
    let Some(before) = muster_store::now()
        .checked_sub(age)
        .filter(|_| keep_days > 0)
    else {
        return Ok(());
    };
    let gone = store
        .write(move |tx| Box::pin(async move { tx.job_ended_delete(before).await }))
        .await?;
    if gone > 0 {
        tracing::info!(jobs = gone, "jobs that ended long ago were forgotten");
    }
    Ok(())
}

/// Ends a job, unless it has ended before.
pub(crate) async fn end(
    tx: &Tx,
    id: JobId,
    outcome: Result<(), Problem>,
    last: &str,
) -> Result<(), StoreError> {
    tx.job_log_append(id, &[last.to_owned()]).await?;
    let (state, problem) = match &outcome {
        Ok(()) => (JobState::Succeeded, None),
        Err(problem) => (JobState::Failed, Some(problem)),
    };
    tx.job_step(id, if problem.is_none() { "done" } else { "failed" })
        .await?;
    let known = tx.job_get(id).await?.and_then(|job| job.progress);
    if let (Some(known), None) = (known, problem) {
        let whole = Progress {
            done: known.total,
            ..known
        };
        tx.job_progress(id, whole).await?;
    }
    tx.job_finish(id, state, problem, muster_store::now())
        .await?;
    changed(tx, id).await?;
    Ok(())
}

/// The release that a job rolls out, if it does.
pub(crate) fn release_of(job: &JobRecord) -> Option<u64> {
    job.input.get("release").and_then(Value::as_u64)
}

/// A problem of a job.
pub(crate) fn problem(
    code: &str,
    title: &str,
    detail: impl Into<String>,
    remedy: Option<String>,
) -> Problem {
    Problem {
        code: code.to_owned(),
        status: 422,
        title: title.to_owned(),
        detail: detail.into(),
        remedy,
        fields: Vec::new(),
        quota: None,
        captcha: None,
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::testing::store_with;

    #[tokio::test]
    async fn jobs_are_forgotten_by_the_day_or_never() {
        let (store, _dir) = store_with(&[]).await;
        let (old, new) = (JobId(Uuid::now_v7()), JobId(Uuid::now_v7()));
        store
            .write(move |tx| {
                Box::pin(async move {
                    for (id, days) in [(old, 8), (new, 6)] {
                        tx.job_insert(&job(id)).await?;
                        let at = muster_store::now() - time::Duration::days(days);
                        tx.job_finish(id, JobState::Succeeded, None, at).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await
            .unwrap();
        for keeps_all in [0, 30, u32::MAX] {
            prune(&store, keeps_all).await.unwrap();
            assert!(store.job_get(old).await.unwrap().is_some(), "{keeps_all}");
        }
        prune(&store, 7).await.unwrap();
        assert!(store.job_get(old).await.unwrap().is_none());
        assert!(store.job_get(new).await.unwrap().is_some());
    }

    fn job(id: JobId) -> JobRecord {
        JobRecord {
            id,
            kind: "push".to_owned(),
            subject: "shop".to_owned(),
            app: None,
            project: None,
            state: JobState::Queued,
            step: String::new(),
            progress: None,
            input: Value::Null,
            log: Vec::new(),
            problem: None,
            created_at: muster_store::now(),
            started_at: None,
            ended_at: None,
        }
    }
}
