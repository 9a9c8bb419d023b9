//! One host's stager: it makes of a package's files what a droplet consists of,
//! for this host or for the leader of its group.

use std::sync::Arc;

use bytes::Bytes;
use muster_api::{blocks::FileEntry, problem::Problem};
use muster_blocks::Blocks;
use muster_engine::{
    Code, Engine, Entry,
    plugin::staging::{self, Source},
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::{
    Failure, MAX_COMPONENT,
    package::Package,
    problems::{NO_STAGER, failed, stager_problem},
    release::Made,
};
use crate::{
    control::{error::ControlError, jobs::problem},
    roles::{Roles, bundled},
};

/// One host's stager.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) blocks: Blocks,
    pub(crate) engine: Engine,
    pub(crate) roles: Arc<Roles>,
}

/// What is to be staged, and what its owner wishes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) app: String,
    pub(crate) component: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) files: Vec<FileEntry>,
}

/// What the stager made, and what it said meanwhile.
#[derive(Serialize, Deserialize)]
pub(crate) struct Staged {
    pub(super) made: Made,
    pub(super) log: Vec<String>,
}

/// Why a package was not staged for another host.
pub(crate) enum Unstaged {
    /// It cannot be, whoever tries.
    Refused(Box<Problem>),
    /// This host could not; another one may.
    Failed(String),
}

impl Staged {
    /// The files that a host needs to run it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileEntry> {
        std::iter::once(&self.made.component).chain(&self.made.files)
    }
}

impl Workshop {
    /// Stages for another host, whose blocks are here already.
    ///
    /// # Errors
    /// What is wrong with the package, or why this host could not.
    pub(crate) async fn make(&self, order: Order) -> Result<Staged, Unstaged> {
        let made = async {
            let staged = self.stage(order).await?;
            self.compile(&staged.made).await?;
            Ok(staged)
        };
        made.await.map_err(|failure| match failure {
            Failure::Refused(problem) if problem.code == NO_STAGER => {
                Unstaged::Failed(problem.title)
            }
            Failure::Refused(problem) => Unstaged::Refused(Box::new(problem)),
            Failure::Control(error) => {
                tracing::error!(%error, "a package of the leader was not staged");
                Unstaged::Failed(failed(&error).title)
            }
            Failure::Elsewhere(why) => Unstaged::Failed(why),
        })
    }

    /// Has the stager plugin make a droplet, in an instance of its own.
    pub(super) async fn stage(&self, order: Order) -> Result<Staged, Failure> {
        let files = order.files;
        let package = Arc::new(Package {
            blocks: self.blocks.clone(),
            files: files.clone(),
            runtime: Handle::current(),
        });
        let wishes = staging::Wishes {
            app: order.app,
            component: order.component,
            fallback: order.fallback,
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
            .keep("component.wasm", droplet.component, &files)
            .await?;
        let mut kept = Vec::with_capacity(droplet.files.len());
        for file in droplet.files {
            kept.push(self.keep(&file.path, file.source, &files).await?);
        }
        let entry = match droplet.entry {
            staging::Entry::IncomingHandler => Entry::IncomingHandler,
            staging::Entry::Handler => Entry::Handler,
        };
        Ok(Staged {
            made: Made {
                detected: droplet.detected,
                entry,
                component,
                files: kept,
            },
            log: droplet.log,
        })
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
    pub(super) async fn compile(&self, made: &Made) -> Result<(), Failure> {
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
}
