//! Reading a backup to its end, without keeping any of it.

use std::{
    io::{Read, Seek, Write},
    path::Path,
    sync::Arc,
};

use futures::TryStreamExt;
use muster_api::problem::Problem;
use muster_backup::Lock;
use muster_identity::seal::KEY_LEN;
use muster_store::Store;

use super::{
    Backups, Named,
    read::{Parts, UnusableBackup},
};
use crate::control::{
    error::ControlError,
    jobs::problem,
    works::{Desk, failed},
};

/// What a backup that is whole holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    /// The name of the host that made it.
    pub host: String,
    /// How many tables the state has.
    pub tables: u64,
    /// How many rows they have.
    pub rows: u64,
    /// How many blocks the state needs.
    pub blocks: u64,
    /// How many of them are in the backup.
    pub held: u64,
}

/// Verifies a backup in a file.
///
/// # Errors
/// [`UnusableBackup`] with what is wrong first.
pub fn verify_backup(path: &Path, lock: &Lock) -> Result<VerifiedBackup, UnusableBackup> {
    let file = std::fs::File::open(path)
        .map_err(|error| UnusableBackup::Target(format!("{}: {error}", path.display())))?;
    verify(std::io::BufReader::new(file), lock, &|_| {})
}

fn verify(
    source: impl Read + Send,
    lock: &Lock,
    told: &dyn Fn(u64),
) -> Result<VerifiedBackup, UnusableBackup> {
    let mut parts = Parts::open(source, lock)?;
    let mut found = VerifiedBackup {
        host: parts.head.host.clone(),
        tables: 0,
        rows: 0,
        blocks: 0,
        held: 0,
    };
    let (mut state, mut key) = (false, false);
    while let Some(name) = parts.next_part()? {
        match name.as_str() {
            "secrets.key" => key = parts.whole(KEY_LEN)?.len() == KEY_LEN,
            "state" => {
                let mut broken = None;
                let checked = Store::check_export(&mut parts.lines(&mut broken));
                if let Some(broken) = broken {
                    return Err(broken.into());
                }
                let checked =
                    checked.map_err(|error| UnusableBackup::Content(error.to_string()))?;
                (found.tables, found.rows) = (checked.tables, checked.rows);
                state = true;
            }
            "blocks" => {
                parts.list()?;
                found.blocks = parts.blocks.len() as u64;
            }
            other => {
                if let Some(name) = other.strip_prefix("block/") {
                    parts.block(name)?;
                    found.held += 1;
                    told(found.held);
                }
            }
        }
    }
    parts.complete(state, key)?;
    Ok(found)
}

/// A file that is gone when nobody has it open any more.
fn nameless(folder: &Path) -> std::io::Result<std::fs::File> {
    let path = folder.join(".backup.fetched");
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

impl Backups {
    /// Verifies a backup where this host's go.
    pub(crate) async fn carry_out_verify(
        &self,
        named: Named,
        desk: &Arc<Desk>,
    ) -> Result<String, Problem> {
        let found = self.try_verify(&named.name, desk).await;
        let found = found.map_err(|error| failed(&error))?;
        let found = found.map_err(|error| {
            problem(
                "backup-unusable",
                "The backup cannot be used",
                error.to_string(),
                Some("make another one with: muster backup create".to_owned()),
            )
        })?;
        Ok(format!(
            "{} is whole: {} rows of {} tables, {} blocks needed, {} of them held",
            named.name, found.rows, found.tables, found.blocks, found.held
        ))
    }

    async fn try_verify(
        &self,
        name: &str,
        desk: &Arc<Desk>,
    ) -> Result<Result<VerifiedBackup, UnusableBackup>, ControlError> {
        let lock = self.lock().await?;
        let bytes = self.depot()?.read(name).await?;
        let mut bytes = bytes.ok_or_else(|| ControlError::not_found("backup", name))?;
        // Out of a bucket it is fetched first: what reads it must not wait.
        let internal = |error: std::io::Error| ControlError::Internal(error.to_string());
        let mut file = nameless(self.dir.root()).map_err(internal)?;
        let mut fetched = 0;
        while let Some(piece) = bytes.try_next().await? {
            fetched += piece.len() as u64;
            desk.note("fetching", fetched, fetched);
            file.write_all(&piece).map_err(internal)?;
        }
        file.rewind().map_err(internal)?;
        let told = Arc::clone(desk);
        let verified = tokio::task::spawn_blocking(move || {
            let source = std::io::BufReader::new(file);
            verify(source, &lock, &|held| {
                told.note("reading the blocks", held, held);
            })
        });
        verified
            .await
            .map_err(|error| ControlError::Internal(error.to_string()))
    }
}
