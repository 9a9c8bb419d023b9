//! A data directory out of a backup, while no host runs on it.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use muster_api::jobs::JobState;
use muster_backup::{BlocksIn, Lock};
use muster_blocks::Blocks;
use muster_identity::seal::{KEY_LEN, Sealer};
use muster_store::{CopyError, DatabaseUrl, Store, StoreError};
use serde_json::Value;

pub use super::{
    read::UnusableBackup,
    verify::{VerifiedBackup, verify_backup},
};
use crate::{
    control::{
        block_storage,
        leadership::moving::{UnmovedState, restore_to},
        state::State,
        works,
    },
    data_dir::{DataDir, RESTORING},
};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredBackup {
    /// The name of the host that it is.
    pub host: String,
    /// How many rows of the state.
    pub rows: u64,
    /// How many blocks the state needs.
    pub needed: u64,
    /// How many of them came with the backup.
    pub blocks: u64,
    /// Where the blocks are that did not come.
    pub place: String,
    /// Where what was there before is now.
    pub replaced: Option<PathBuf>,
}

/// Where a backup is restored to.
#[derive(Debug, Clone)]
pub struct RestoreTarget {
    /// The data directory.
    pub folder: PathBuf,
    /// Whether what is in the directory is put aside.
    pub replace: bool,
    /// The database that is to hold the state, unless it is to be in the directory.
    pub database: Option<DatabaseUrl>,
    /// Whether what the database holds is removed.
    pub replace_database: bool,
}

/// Restores a backup into a data directory, and a database if there is to be one. What
/// is there already stays as it is until the backup was read to its end, and is put
/// aside then; what is in the database is removed then, if that is wanted.
///
/// # Errors
/// [`UnusableBackup`]. The directory is as it was, or was made.
pub async fn restore_backup(
    path: &Path,
    lock: &Lock,
    to: &RestoreTarget,
) -> Result<RestoredBackup, UnusableBackup> {
    let (target, replace) = (to.folder.as_path(), to.replace);
    let file = File::open(path).map_err(|error| wrong(path, &error))?;
    let occupied = entries(target)?.iter().any(|name| !is_ours(name));
    if occupied && !replace {
        return Err(UnusableBackup::Target(format!(
            "{} is not empty; choose another directory, or have what is there put aside with --replace",
            target.display()
        )));
    }
    // Holds the directory, so that no host starts in it meanwhile.
    let _held = DataDir::hold(target).map_err(|error| UnusableBackup::Target(error.to_string()))?;
    let fresh = target.join(RESTORING);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| wrong(&fresh, &error))?;
    }
    fs::create_dir(&fresh).map_err(|error| wrong(&fresh, &error))?;
    let filled = async {
        let restored = fill(BufReader::new(file), lock, &fresh).await?;
        if let Some(url) = &to.database {
            hand_over(&fresh, url, to.replace_database).await?;
        }
        Ok(restored)
    };
    let mut restored = match filled.await {
        Ok(restored) => restored,
        Err(error) => {
            let _ = fs::remove_dir_all(&fresh);
            return Err(error);
        }
    };
    restored.replaced = swap(target, &fresh, occupied).map_err(|error| wrong(target, &error))?;
    Ok(restored)
}

/// Fills a fresh directory.
async fn fill(
    source: impl std::io::Read + Send,
    lock: &Lock,
    fresh: &Path,
) -> Result<RestoredBackup, UnusableBackup> {
    let mut parts = super::read::Parts::open(source, lock)?;
    let mut restored = RestoredBackup {
        host: parts.head.host.clone(),
        rows: 0,
        needed: 0,
        blocks: 0,
        place: String::new(),
        replaced: None,
    };
    let database = fresh.join("muster.db");
    let folder = fresh.join("blocks");
    let mut blocks = None;
    let (mut state, mut key) = (false, false);
    while let Some(name) = parts.next_part()? {
        match name.as_str() {
            "about" => {
                let about = serde_json::from_slice::<Value>(&parts.whole(64 << 10)?);
                let about = about.unwrap_or_default();
                restored.place = about["place"].as_str().unwrap_or_default().to_owned();
            }
            "secrets.key" => {
                let bytes = parts.whole(KEY_LEN)?;
                key = bytes.len() == KEY_LEN;
                let path = fresh.join("secrets.key");
                write_key(&path, &bytes).map_err(|error| wrong(&path, &error))?;
            }
            "state" => {
                let mut broken = None;
                let made = Store::restore(&database, &mut parts.lines(&mut broken)).await;
                if let Some(broken) = broken {
                    return Err(broken.into());
                }
                let made = made.map_err(|error| UnusableBackup::Content(error.to_string()))?;
                restored.rows = made.rows;
                state = true;
            }
            "blocks" => {
                parts.list()?;
                restored.needed = parts.blocks.len() as u64;
            }
            other => {
                let Some(name) = other.strip_prefix("block/") else {
                    continue;
                };
                let (digest, bytes) = parts.block(name)?;
                let kept = match &blocks {
                    Some(blocks) => blocks,
                    None => {
                        let opened = Blocks::open(&folder);
                        blocks.insert(opened.map_err(|error| wrong(&folder, &error))?)
                    }
                };
                let put = kept.put(&digest, Bytes::from(bytes)).await;
                put.map_err(|error| wrong(&folder, &error))?;
                restored.blocks += 1;
            }
        }
    }
    parts.complete(state, key)?;
    let all = parts.head.blocks == BlocksIn::All;
    adjust(&database, all)
        .await
        .map_err(|error| wrong(&database, &error))?;
    if all {
        "local".clone_into(&mut restored.place);
    }
    Ok(restored)
}

/// Has the state in a database from now on, rather than in the directory.
async fn hand_over(fresh: &Path, url: &DatabaseUrl, replace: bool) -> Result<(), UnusableBackup> {
    let store = Store::open(&fresh.join("muster.db")).await;
    let store = store.map_err(|error| UnusableBackup::Target(error.to_string()))?;
    let path = fresh.join("secrets.key");
    let key = fs::read(&path).map_err(|error| wrong(&path, &error))?;
    let sealer = Sealer::new(&key)
        .ok_or_else(|| UnusableBackup::Content("its key is of no use".to_owned()))?;
    let own = State::new(store, sealer, &key);
    let moved = restore_to(&own, url.clone(), replace).await;
    let closed = own.store.close().await;
    moved.map_err(|error| match error {
        UnmovedState::Copy(CopyError::NotEmpty { .. }) => UnusableBackup::Target(format!(
            "the database {url} holds a state; name another one, or have what is there removed with --replace-database"
        )),
        UnmovedState::Refused { message, remedy } => {
            UnusableBackup::Target(format!("{message}; {remedy}"))
        }
        other => UnusableBackup::Target(other.to_string()),
    })?;
    closed.map_err(|error| UnusableBackup::Target(error.to_string()))
}

/// Makes the state such that a host can go on with it: it is a copy, and the one
/// that it is a copy of may be there still.
async fn adjust(database: &Path, all_blocks: bool) -> Result<(), StoreError> {
    let store = Store::open(database).await?;
    store
        .write(move |tx| {
            Box::pin(async move {
                block_storage::forget_owner(tx).await?;
                if all_blocks {
                    block_storage::forget_place(tx).await?;
                }
                for job in tx.job_list_unfinished().await? {
                    if works::is_work(&job) {
                        let line = ["the state was restored from a backup".to_owned()];
                        tx.job_log_append(job.id, &line).await?;
                        let now = muster_store::now();
                        tx.job_finish(job.id, JobState::Cancelled, None, now)
                            .await?;
                    }
                }
                Ok(())
            })
        })
        .await?;
    store.close().await
}

/// Puts what was there aside, and what was restored in its place, the database
/// last.
fn swap(target: &Path, fresh: &Path, occupied: bool) -> std::io::Result<Option<PathBuf>> {
    rustix::fs::syncfs(File::open(fresh)?)?;
    let mut replaced = None;
    if occupied {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let aside = target.join(format!("{ASIDE}{now}"));
        fs::create_dir(&aside)?;
        for name in entries(target).map_err(std::io::Error::other)? {
            if !is_ours(&name) {
                fs::rename(target.join(&name), aside.join(&name))?;
            }
        }
        replaced = Some(aside);
    }
    for name in ["blocks", "secrets.key", "muster.db-wal", "muster.db"] {
        let from = fresh.join(name);
        if from.exists() {
            fs::rename(from, target.join(name))?;
        }
    }
    fs::remove_dir_all(fresh)?;
    File::open(target)?.sync_all()?;
    Ok(replaced)
}

/// What begins the name of a folder with what was there before.
const ASIDE: &str = "replaced-";

/// What may be in a directory that counts as empty.
fn is_ours(name: &str) -> bool {
    name == "lock" || name == RESTORING || name.starts_with(ASIDE) || name == "host.toml"
}

fn entries(folder: &Path) -> Result<Vec<String>, UnusableBackup> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| wrong(folder, &error))?,
    };
    let names = read.map(|entry| {
        let name = entry.map(|entry| entry.file_name());
        name.map(|name| name.to_string_lossy().into_owned())
    });
    names
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(folder, &error))
}

fn write_key(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> UnusableBackup {
    UnusableBackup::Target(format!("{}: {error}", path.display()))
}
