//! Staging: push jobs, one after the other, from package to droplet to release.
//! What a crash interrupts begins anew; nothing of it is seen before it is whole.

mod package;
mod problems;
mod release;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use muster_api::{blocks::FileEntry, jobs::Progress, problem::Problem};
use muster_blocks::Blocks;
use muster_engine::{
    Code, Engine, Entry,
    plugin::staging::{self, Source},
};
use muster_store::{JobRecord, Store};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::release::entry_named;
use self::{
    package::Package,
    problems::{failed, stager_problem},
    release::{Made, write_release},
};
use super::{
    apps::newest_release,
    error::ControlError,
    host_names::HostNames,
    jobs::{self, problem},
    pushes::PushInput,
};
use crate::{
    logs::Logs,
    roles::{Roles, bundled},
};

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
    pub(crate) blocks: Blocks,
    pub(crate) engine: Engine,
    pub(crate) roles: Arc<Roles>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) names: HostNames,
}

/// Why a push failed, for its job; or why staging could not go on.
enum Failure {
    Refused(Problem),
    Control(ControlError),
}

impl<E: Into<ControlError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Control(error.into())
    }
}

impl Staging {
    /// Works until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut revisions = self.store.revisions();
        while !stop.is_cancelled() {
            revisions.mark_unchanged();
            match self.next().await {
                Ok(Some(job)) => self.work(&job).await,
                Ok(None) => tokio::select! {
                    _ = revisions.changed() => {}
                    () = tokio::time::sleep(LOOK_AROUND) => {}
                    () = stop.cancelled() => {}
                },
                Err(error) => {
                    tracing::error!(%error, "push jobs cannot be read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// The oldest push that has not been staged.
    async fn next(&self) -> Result<Option<JobRecord>, ControlError> {
        let unfinished = self.store.job_list_unfinished().await?;
        Ok(unfinished
            .into_iter()
            .find(|job| job.kind == "push" && jobs::release_of(job).is_none()))
    }

    async fn work(&self, job: &JobRecord) {
        let failure = match self.stage(job).await {
            Ok(()) => return,
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
    }

    async fn stage(&self, job: &JobRecord) -> Result<(), Failure> {
        let input: PushInput = serde_json::from_value(job.input.clone()).map_err(|error| {
            ControlError::Internal(format!("a push job cannot be read: {error}"))
        })?;
        let total = STEPS + self.to_start(job, &input).await?;
        let progress = |done| Progress { done, total };
        let line = format!("staging {}", job.subject);
        self.tell(job, "staging", progress(0), line, true).await?;
        let package = self.store.package_get(input.package).await?;
        let package =
            package.ok_or_else(|| ControlError::not_found("package", input.package.to_string()))?;
        let (made, log) = self.ask_stager(job, &input, &package.files).await?;
        if let Some(app) = job.app {
            let app = app.to_string();
            log.iter().for_each(|line| self.logs.platform(&app, line));
        }
        let log = log.join("\n");
        self.tell(job, "compiling", progress(1), log, false).await?;
        self.compile(&made).await?;
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

    /// Has the stager plugin make a droplet, in an instance of its own.
    async fn ask_stager(
        &self,
        job: &JobRecord,
        input: &PushInput,
        files: &[FileEntry],
    ) -> Result<(Made, Vec<String>), Failure> {
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
        let package = Arc::new(Package {
            blocks: self.blocks.clone(),
            files: files.to_vec(),
            runtime: Handle::current(),
        });
        let wishes = staging::Wishes {
            app: job.subject.clone(),
            component: wanted.component,
            fallback: wanted.fallback,
        };
        let terms = staging::Terms {
            offered: muster_engine::offered(),
            max_component_size: MAX_COMPONENT,
        };
        let roles = Arc::clone(&self.roles);
        let staged = tokio::task::spawn_blocking(move || roles.stage(package, &wishes, &terms))
            .await
            .map_err(|error| {
                ControlError::Internal(format!("the stager's thread failed: {error}"))
            })?;
        let droplet = staged.map_err(|error| Failure::Refused(stager_problem(error)))?;
        let component = self
            .keep("component.wasm", droplet.component, files)
            .await?;
        let mut kept = Vec::with_capacity(droplet.files.len());
        for file in droplet.files {
            kept.push(self.keep(&file.path, file.source, files).await?);
        }
        let entry = match droplet.entry {
            staging::Entry::IncomingHandler => Entry::IncomingHandler,
            staging::Entry::Handler => Entry::Handler,
        };
        Ok((
            Made {
                detected: droplet.detected,
                entry,
                component,
                files: kept,
            },
            droplet.log,
        ))
    }

    /// Brings a file of the droplet into the block store, if it is not there.
    async fn keep(
        &self,
        path: &str,
        source: Source,
        files: &[FileEntry],
    ) -> Result<FileEntry, Failure> {
        let bytes = match source {
            Source::Packaged(from) => {
                let found = files.iter().find(|file| file.path == from).ok_or_else(|| {
                    Failure::Refused(problem(
                        "stager-failed",
                        "The stager named a file that the package does not have",
                        from,
                        None,
                    ))
                })?;
                return Ok(FileEntry {
                    path: path.to_owned(),
                    ..found.clone()
                });
            }
            Source::Made(bytes) => Bytes::from(bytes),
            Source::StaticSite => {
                Bytes::from_static(bundled::component("site").ok_or_else(|| {
                    ControlError::Internal(
                        "this host was built without its component for static sites".to_owned(),
                    )
                })?)
            }
        };
        Ok(self.blocks.write_bytes(path, bytes).await?)
    }

    /// The compiler has the last word on whether a component runs.
    async fn compile(&self, made: &Made) -> Result<(), Failure> {
        if made.component.size > MAX_COMPONENT {
            let what = format!(
                "it has {} bytes, {MAX_COMPONENT} are allowed",
                made.component.size
            );
            return Err(Failure::Refused(problem(
                "too-large",
                "The component is too large",
                what,
                None,
            )));
        }
        let wasm = self.blocks.load_file(&made.component).await?;
        let (engine, entry) = (self.engine.clone(), made.entry);
        let compiled =
            tokio::task::spawn_blocking(move || Code::load(&engine, &wasm, entry).map(|_| ()))
                .await
                .map_err(|error| {
                    ControlError::Internal(format!("the compiler's thread failed: {error}"))
                })?;
        compiled.map_err(|error| {
            Failure::Refused(problem(
                "component-unusable",
                "The component cannot run on this host",
                error.to_string(),
                Some("see what apps may import with: muster info".to_owned()),
            ))
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
