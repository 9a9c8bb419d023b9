//! The programs that a host runs, one after the other: builds of Muster, each in
//! the data directory below its digest.
//!
//! Another program is tried before it counts. The host ends, and its process
//! watches over a child that is the other program; that one counts once somebody
//! who leads has seen it at work and confirms it. What is not confirmed in time did
//! not happen. The only write that changes what counts is the one that confirms, so
//! that a machine which loses its power at any moment starts with the one or with
//! the other, and with nothing in between.

mod folder;
mod start;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::StreamExt;
use muster_api::{
    blocks::{Digest, FileEntry},
    id::JobId,
    roles::RoleState,
};
use muster_blocks::Blocks;
use muster_store::{Stamp, StampFinder, version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, watch};

pub(crate) use self::folder::Program;
use self::folder::{Chosen, Folder, Trial, Writer};
pub use self::start::{Guard, Start, start, try_other};
use crate::{control::linking::Links, roles::Roles};

/// The largest program, in bytes.
pub(crate) const MAX_PROGRAM: u64 = 1 << 30;

/// What a host is asked about its program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Asked {
    /// To tell which one it runs.
    Show,
    /// To have another one at hand, if it does not.
    Fetch {
        /// The other one.
        program: Program,
        /// Its file; nothing if it should lie there from earlier.
        file: Option<FileEntry>,
    },
    /// To try another one.
    Try {
        /// For which job.
        job: JobId,
        /// The other one.
        program: Program,
        /// How long that has until it is confirmed, in seconds.
        patience: u32,
    },
    /// To stay with the one that it tries.
    Confirm {
        /// That one.
        program: Program,
    },
}

/// What a host tells of its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The one that it runs.
    pub(crate) runs: Program,
    /// Whether that one is on trial.
    pub(crate) on_trial: bool,
    /// What keeps it from its work, if something does.
    pub(crate) hindrance: Option<String>,
    /// Whether the one that it was asked for is at hand.
    pub(crate) at_hand: bool,
    /// Why the one that it was asked for is of no use.
    pub(crate) failed: Option<String>,
}

/// The programs of this host.
#[derive(Clone)]
pub(crate) struct Releases(Arc<Inner>);

struct Inner {
    folder: Folder,
    blocks: Blocks,
    roles: Arc<Roles>,
    /// The trial that this program has to pass.
    trial: Option<Trial>,
    own: OnceCell<Program>,
    fetching: Mutex<Fetching>,
    leaving: watch::Sender<bool>,
}

/// What becomes of a program that is fetched.
#[derive(Default)]
enum Fetching {
    #[default]
    Nothing,
    AtWork(Digest),
    Failed(Digest, String),
}

impl Releases {
    pub(crate) fn open(data_dir: &Path, blocks: Blocks, roles: Arc<Roles>, on_trial: bool) -> Self {
        let folder = Folder::of(data_dir);
        let trial = folder.trial().filter(|_| on_trial);
        Self(Arc::new(Inner {
            folder,
            blocks,
            roles,
            trial,
            own: OnceCell::new(),
            fetching: Mutex::default(),
            leaving: watch::Sender::new(false),
        }))
    }

    /// Waits until this process is to become another program.
    pub(crate) async fn leaving(&self) {
        let mut leaving = self.0.leaving.subscribe();
        // The sender lives as long as this value.
        let _ = leaving.wait_for(|leaving| *leaving).await;
    }

    /// Does what somebody who leads asks for, as far as it can be done at once, and
    /// tells how it is after that. All of it may be asked again.
    ///
    /// # Errors
    /// Why it could not be done.
    pub(crate) async fn answer(&self, links: &Links, asked: Asked) -> Result<Told, String> {
        let runs = self.own().await?;
        let (mut at_hand, mut failed) = (false, None);
        match asked {
            Asked::Show => {}
            Asked::Fetch { program, file } => {
                at_hand = program == runs || self.has(&program);
                if !at_hand {
                    failed = self.fetch(links, program, file);
                }
            }
            Asked::Try {
                job,
                program,
                patience,
            } => {
                at_hand = program == runs || self.has(&program);
                failed = self.0.folder.failed().and_then(|failed| {
                    let is = failed.job == job && failed.digest == program.digest;
                    is.then_some(failed.why)
                });
                if program == runs || failed.is_some() {
                    // Nothing is to be tried.
                } else if self.0.trial.is_some() {
                    // The guard goes back to the one before.
                    self.0.leaving.send_replace(true);
                } else if at_hand {
                    let from = runs.clone();
                    let trial = Trial {
                        job,
                        program,
                        from,
                        patience,
                    };
                    self.leave(trial).await?;
                } else {
                    failed = Some("it does not lie here any more".to_owned());
                }
            }
            Asked::Confirm { program } => {
                let trial = self.0.trial.as_ref();
                if let Some(trial) =
                    trial.filter(|trial| trial.program == program && program == runs)
                {
                    self.confirm(trial).await?;
                }
            }
        }
        Ok(Told {
            runs,
            on_trial: self.0.trial.is_some(),
            hindrance: self.hindrance().await,
            at_hand,
            failed,
        })
    }

    /// The program that runs.
    async fn own(&self) -> Result<Program, String> {
        let read = async || {
            let digest = blocking(folder::running).await?;
            let version = version().to_owned();
            Ok(Program { version, digest })
        };
        self.0.own.get_or_try_init(read).await.cloned()
    }

    fn has(&self, program: &Program) -> bool {
        self.0.folder.program(&program.digest).exists()
    }

    async fn leave(&self, trial: Trial) -> Result<(), String> {
        let folder = self.0.folder.clone();
        blocking(move || {
            folder.keep_running(&trial.from.digest)?;
            folder.begin(&trial)
        })
        .await?;
        tracing::info!("this host tries another version of Muster");
        self.0.leaving.send_replace(true);
        Ok(())
    }

    async fn confirm(&self, trial: &Trial) -> Result<(), String> {
        let (folder, trial) = (self.0.folder.clone(), trial.clone());
        blocking(move || {
            folder.choose(&Chosen {
                program: trial.program.clone(),
                installed: start::installed(),
            })?;
            folder.tidy(&[&trial.program.digest, &trial.from.digest])
        })
        .await?;
        tracing::info!("this version of Muster was confirmed");
        self.0.leaving.send_replace(true);
        Ok(())
    }

    /// What keeps the host from its work, if something does.
    async fn hindrance(&self) -> Option<String> {
        let roles = match self.0.roles.list().await {
            Ok(page) => page.items,
            Err(error) => return Some(error.to_string()),
        };
        let bad = |state| matches!(state, RoleState::Failing | RoleState::Degraded);
        let role = roles.into_iter().find(|role| bad(role.state))?;
        let why = role.last_error.unwrap_or_default();
        let why = why.lines().next().unwrap_or_default();
        Some(format!("its role {} fails: {why}", role.name))
    }

    fn fetching(&self) -> MutexGuard<'_, Fetching> {
        let fetching = self.0.fetching.lock();
        fetching.unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to fetch a program, unless that is at work. Why it failed, once.
    fn fetch(&self, links: &Links, program: Program, file: Option<FileEntry>) -> Option<String> {
        let Some(file) = file else {
            return Some("it does not lie there any more".to_owned());
        };
        let mut fetching = self.fetching();
        match std::mem::take(&mut *fetching) {
            Fetching::AtWork(digest) => {
                *fetching = Fetching::AtWork(digest);
                return None;
            }
            Fetching::Failed(digest, why) if digest == program.digest => return Some(why),
            _ => {}
        }
        *fetching = Fetching::AtWork(program.digest.clone());
        drop(fetching);
        let (this, links) = (self.clone(), links.clone());
        tokio::spawn(async move {
            let digest = program.digest.clone();
            let done = this.lay_down(&links, program, &file).await;
            *this.fetching() = match done {
                Ok(()) => Fetching::Nothing,
                Err(why) => Fetching::Failed(digest, why),
            };
        });
        None
    }

    async fn lay_down(
        &self,
        links: &Links,
        program: Program,
        file: &FileEntry,
    ) -> Result<(), String> {
        links.have(&file.blocks).await?;
        let read = self.0.blocks.read_file(file, 0..file.size);
        let mut pieces = read.map_err(|error| error.to_string())?;
        let folder = self.0.folder.clone();
        let digest = program.digest.clone();
        let mut writer: Writer = blocking(move || folder.writer(&digest)).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| error.to_string())?;
            writer = blocking(move || {
                writer.write(&piece)?;
                Ok(writer)
            })
            .await?;
        }
        blocking(move || writer.end()).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}

/// What a file is that is to be a program, if it is one for this machine.
///
/// # Errors
/// What is wrong with it.
pub(crate) async fn inspect(blocks: &Blocks, file: &FileEntry) -> Result<(Program, Stamp), String> {
    if file.size > MAX_PROGRAM {
        return Err(format!(
            "it has {} bytes; a program has {MAX_PROGRAM} at most",
            file.size
        ));
    }
    let read = blocks.read_file(file, 0..file.size);
    let mut pieces = read.map_err(|error| error.to_string())?;
    let (mut hash, mut finder) = (Sha256::new(), StampFinder::default());
    let mut head = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| error.to_string())?;
        if head.len() < HEAD {
            head.extend_from_slice(&piece[..piece.len().min(HEAD)]);
        }
        hash.update(&piece);
        finder.feed(&piece);
    }
    let own = blocking(folder::head).await?;
    is_for_this_machine(&head, &own)?;
    let stamp = finder.end().ok_or("it is no release of Muster")?;
    let program = Program {
        version: stamp.version.clone(),
        digest: Digest::from_bytes(&hash.finalize().into()),
    };
    Ok((program, stamp))
}

/// How much of a program says for which machine it is.
const HEAD: usize = 20;

/// Whether a program with that beginning runs where the one with the other does:
/// both are ELF files of the same class, byte order and machine.
fn is_for_this_machine(head: &[u8], own: &[u8; HEAD]) -> Result<(), String> {
    if head.len() < HEAD || !head.starts_with(b"\x7fELF") {
        return Err("it is no program for Linux".to_owned());
    }
    if head[4..6] != own[4..6] || head[18..20] != own[18..20] {
        return Err(format!(
            "it is a program for another kind of machine than this one, which is {}",
            std::env::consts::ARCH
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_for_one_kind_of_machine() {
        let own = folder::head().unwrap();
        assert_eq!(is_for_this_machine(&own, &own), Ok(()));
        let mut other = own;
        other[18] ^= 1;
        assert!(is_for_this_machine(&other, &own).is_err());
        let mut narrow = own;
        narrow[4] = 1;
        assert!(is_for_this_machine(&narrow, &own).is_err());
        assert!(is_for_this_machine(b"#!/bin/sh\nexec muster serve", &own).is_err());
        assert!(is_for_this_machine(&own[..7], &own).is_err());
    }
}
