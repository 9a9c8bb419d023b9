//! Staging: push jobs, from package to droplet to release, one after the other
//! for each app. Every stager of the group takes one at a time. What a crash
//! interrupts begins anew; nothing of it is seen before it is whole.

mod package;
mod problems;
mod queue;
mod release;
mod workshop;

use std::{sync::Arc, time::Duration};

use muster_api::{blocks::FileEntry, jobs::Progress, problem::Problem};
use muster_store::{JobRecord, Store, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    problems::failed,
    queue::{Place, Queue},
    release::{Made, write_release},
};
pub(crate) use self::{
    release::entry_named,
    workshop::{Order, Staged, Unstaged, Workshop},
};
use super::{
    apps::newest_release,
    error::ControlError,
    host_names::HostNames,
    jobs::{self, problem},
    linking::Links,
    pushes::PushInput,
};
use crate::logs::Logs;

/// How long the stager waits when nothing happens.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// The largest component.
const MAX_COMPONENT: u64 = 128 << 20;
/// The steps of a push before its first instance starts: it is staged, compiled
/// and released.
pub(crate) const STEPS: u64 = 3;

/// Works through push jobs.
pub(crate) struct Staging {
    pub(crate) store: Store,
    pub(crate) workshop: Workshop,
    pub(crate) links: Links,
    pub(crate) logs: Arc<Logs>,
    pub(crate) names: HostNames,
}

/// Why a push failed, for its job; or why staging could not go on.
enum Failure {
    Refused(Problem),
    Control(ControlError),
    /// The host that was to stage it did not; another one may.
    Elsewhere(String),
}

impl<E: Into<ControlError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Control(error.into())
    }
}

impl Staging {
    /// Works until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let staging = Arc::new(self);
        let mut revisions = staging.store.revisions();
        let mut queue = Queue::default();
        while !stop.is_cancelled() {
            revisions.mark_unchanged();
            let wait = match staging.next(&queue).await {
                Ok(Some((job, place))) => {
                    queue.begin(&staging, job, place);
                    continue;
                }
                Ok(None) => LOOK_AROUND,
                Err(error) => {
                    tracing::error!(%error, "push jobs cannot be read; trying again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = queue.ended() => {}
                _ = revisions.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        queue.finish().await;
    }

    /// Stages a push. Whether the place answered where that was to happen.
    async fn work(&self, job: &JobRecord, place: &Place, is_last: bool) -> bool {
        let failure = match self.stage(job, place).await {
            Ok(()) => return true,
            Err(Failure::Elsewhere(why)) if is_last => {
                problem("push-failed", "The push failed", why, None)
            }
            Err(Failure::Elsewhere(why)) => {
                tracing::warn!(job = %job.id, why, "a push was not staged; it is tried again");
                if let Err(error) = self.tell_of(job, format!("not staged: {why}")).await {
                    tracing::error!(job = %job.id, %error, "a push's job cannot be written");
                }
                return false;
            }
            Err(Failure::Refused(problem)) => problem,
            Err(Failure::Control(error)) => {
                tracing::error!(job = %job.id, %error, "a push failed");
                failed(&error)
            }
        };
        let id = job.id;
        let app = job.app;
        if let Some(app) = app {
            let line = format!("push failed: {failure}");
            self.logs.platform(&app.to_string(), &line);
        }
        let ended = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(mut app) = match app {
                        Some(app) => tx.app_by_id(app).await?,
                        None => None,
                    } {
                        app.last_failure = Some(failure.title.clone());
                        tx.app_update(&app).await?;
                    }
                    jobs::end(tx, id, Err(failure), "the push failed").await
                })
            })
            .await;
        if let Err(error) = ended {
            // The job stays unfinished and is tried again; not in a tight loop.
            tracing::error!(job = %id, %error, "a push's failure cannot be written down");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        true
    }

    async fn stage(&self, job: &JobRecord, place: &Place) -> Result<(), Failure> {
        let input: PushInput = serde_json::from_value(job.input.clone()).map_err(|error| {
            ControlError::Internal(format!("a push job cannot be read: {error}"))
        })?;
        let total = STEPS + self.to_start(job, &input).await?;
        let progress = |done| Progress { done, total };
        let line = match place {
            Place::Here => format!("staging {}", job.subject),
            Place::There(host) => format!("staging {} on {}", job.subject, host.name),
        };
        self.tell(job, "staging", progress(0), line, true).await?;
        let package = self.store.package_get(input.package).await?;
        let package =
            package.ok_or_else(|| ControlError::not_found("package", input.package.to_string()))?;
        let order = self.order(job, &input, package.files).await?;
        let staged = match place {
            Place::Here => self.workshop.stage(order).await?,
            Place::There(host) => {
                let staged = self.links.stage(host, &order).await;
                staged
                    .map_err(Failure::Elsewhere)?
                    .map_err(Failure::Refused)?
            }
        };
        if let Some(app) = job.app {
            let (app, lines) = (app.to_string(), staged.log.iter());
            lines.for_each(|line| self.logs.platform(&app, line));
        }
        let log = staged.log.join("\n");
        let made = staged.made;
        self.tell(job, "compiling", progress(1), log, false).await?;
        // Another host has done so already.
        if matches!(place, Place::Here) {
            self.workshop.compile(&made).await?;
        }
        self.tell(job, "releasing", progress(2), String::new(), false)
            .await?;
        self.release(job, input, made, package.id).await
    }

    /// How many instances the push will start.
    async fn to_start(&self, job: &JobRecord, input: &PushInput) -> Result<u64, Failure> {
        let app = match job.app {
            Some(app) => self.store.app_by_id(app).await?,
            None => None,
        };
        let Some(app) = app.filter(|_| !input.no_start) else {
            return Ok(0);
        };
        Ok(u64::from(input.instances.unwrap_or(app.instances)))
    }

    /// What the push asks of a stager.
    async fn order(
        &self,
        job: &JobRecord,
        input: &PushInput,
        files: Vec<FileEntry>,
    ) -> Result<Order, Failure> {
        let app = match job.app {
            Some(app) => self.store.app_by_id(app).await?,
            None => None,
        };
        let before = match &app {
            Some(app) => newest_release(&self.store, app)
                .await?
                .map(|release| release.settings),
            None => None,
        };
        let wanted = input.settings.apply(&before.unwrap_or_default());
        Ok(Order {
            app: job.subject.clone(),
            component: wanted.component,
            fallback: wanted.fallback,
            files,
        })
    }

    /// Droplet, routes and release appear together.
    async fn release(
        &self,
        job: &JobRecord,
        input: PushInput,
        made: Made,
        package: Uuid,
    ) -> Result<(), Failure> {
        let (job, names) = (job.clone(), self.names.clone());
        let written: Result<(), ControlError> = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move { write_release(tx, &job, input, made, package, &names).await })
            })
            .await;
        Ok(written?)
    }

    async fn tell_of(&self, job: &JobRecord, line: String) -> Result<(), StoreError> {
        let id = job.id;
        self.store
            .write(move |tx| Box::pin(async move { jobs::tell(tx, id, "staging", &[line]).await }))
            .await
    }

    async fn tell(
        &self,
        job: &JobRecord,
        step: &'static str,
        progress: Progress,
        line: String,
        start: bool,
    ) -> Result<(), Failure> {
        let id = job.id;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if start {
                        tx.job_start(id, muster_store::now()).await?;
                    }
                    tx.job_progress(id, progress).await?;
                    let lines: Vec<String> = line.lines().map(str::to_owned).collect();
                    jobs::tell(tx, id, step, &lines).await
                })
            })
            .await?;
        Ok(())
    }
}
