//! Backups: made, listed, verified, removed. Restoring one is done on a stopped
//! host, see [`restore`].

mod create;
mod read;
pub mod restore;
mod schedule;
mod verify;

use std::sync::Arc;

use muster_api::{
    backups::{Backup, BackupBlocks, NewBackup},
    config::backup::BackupConfig,
    jobs::Job,
    plan::Plan,
};
use muster_backup::{BlocksIn, Head, KeyKind, Lock, MAX_HEAD};
use muster_blocks::{Credentials, Depot, Stored};
use muster_store::{ChangeKind, Store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::{
    block_storage::BlockStorage,
    config::Config,
    error::ControlError,
    record::{Actor, Change, record},
    terms::Terms,
    this_host::Name,
    views::job_view,
    works,
};
use crate::data_dir::DataDir;

/// What the names of backups end with.
const ENDING: &str = ".muster-backup";

/// The backups of this host.
#[derive(Clone)]
pub(crate) struct Backups {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) block_storage: BlockStorage,
    pub(crate) dir: Arc<DataDir>,
    /// What seals secrets in the state.
    pub(crate) key: Arc<[u8]>,
    pub(crate) name: Name,
}

/// What a job is asked to make.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    blocks: BackupBlocks,
}

/// What a job is asked to verify.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Named {
    name: String,
}

impl Backups {
    /// All backups where this host's go, in the order of their names.
    pub(crate) async fn list(&self) -> Result<Vec<Backup>, ControlError> {
        let depot = self.depot()?;
        let mut all = Vec::new();
        for stored in depot.list(ENDING).await? {
            // What has such a name and is no backup is not listed.
            if let Some(backup) = look(&depot, stored).await? {
                all.push(backup);
            }
        }
        Ok(all)
    }

    /// One backup.
    pub(crate) async fn show(&self, name: &str) -> Result<Backup, ControlError> {
        let depot = self.depot()?;
        let files = depot.list(ENDING).await?;
        let stored = files.into_iter().find(|file| file.name == name);
        let stored = stored.ok_or_else(|| ControlError::not_found("backup", name))?;
        let found = look(&depot, stored).await?;
        found.ok_or_else(|| ControlError::not_found("backup", name))
    }

    /// Begins to make one.
    pub(crate) async fn begin_create(
        &self,
        actor: &Actor,
        asked: NewBackup,
    ) -> Result<Job, ControlError> {
        let config: BackupConfig = self.config.get();
        self.lock().await?;
        self.depot()?;
        let wanted = Wanted {
            blocks: asked.blocks.unwrap_or(config.blocks),
        };
        let place = self.place(&config);
        self.begin(actor, works::BACKUP_CREATE, "create", place, wanted)
            .await
    }

    /// Begins to read one to its end.
    pub(crate) async fn begin_verify(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Job, ControlError> {
        let name = self.show(name).await?.name;
        self.lock().await?;
        let named = Named { name: name.clone() };
        self.begin(actor, works::BACKUP_VERIFY, "verify", name, named)
            .await
    }

    async fn begin<T: Serialize + Send + Sync + 'static>(
        &self,
        actor: &Actor,
        kind: &'static str,
        verb: &'static str,
        subject: String,
        input: T,
    ) -> Result<Job, ControlError> {
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let job = works::begin(tx, kind, &subject, &input).await?;
                    record(tx, &actor, change(verb, &subject, ChangeKind::Updated)).await?;
                    Ok(job_view(job))
                })
            })
            .await
    }

    /// Removes one.
    pub(crate) async fn delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let backup = self.show(name).await?;
        terms.check(Some(&backup))?;
        let mut plan = Plan::default();
        plan.removes.push(format!(
            "the backup {name} of {}, with {} bytes",
            backup.made_at.date(),
            backup.bytes
        ));
        if terms.dry_run {
            return Ok(plan);
        }
        self.depot()?.delete(name).await?;
        let (actor, name) = (actor.clone(), name.to_owned());
        let noted = self.store.write(move |tx| {
            Box::pin(async move {
                record(tx, &actor, change("delete", &name, ChangeKind::Deleted)).await
            })
        });
        noted.await?;
        plan.done = true;
        Ok(plan)
    }

    fn place(&self, config: &BackupConfig) -> String {
        if config.to.is_empty() {
            self.dir.backups().display().to_string()
        } else {
            config.to.clone()
        }
    }

    fn depot(&self) -> Result<Depot, ControlError> {
        let config: BackupConfig = self.config.get();
        let mut credentials = Credentials {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            ..Credentials::default()
        };
        if credentials.access_key.is_empty() {
            credentials = self.block_storage.credentials.clone();
        }
        let opened = Depot::open(&self.place(&config), &credentials);
        opened.map_err(|error| ControlError::Unavailable {
            code: "backups-away",
            message: format!("the place of backups cannot be used: {error}"),
            remedy: "see where it is with: muster config show backup".to_owned(),
        })
    }

    /// What opens backups.
    async fn lock(&self) -> Result<Lock, ControlError> {
        let config: BackupConfig = self.config.get();
        if !config.passphrase.is_empty() {
            return Ok(Lock::Passphrase(config.passphrase.expose().to_owned()));
        }
        let missing = |message: String| {
            ControlError::Conflict {
            code: "backup-key-missing",
            message,
            remedy: "set a passphrase or key_file in the section 'backup' of the configuration: muster config set backup --file FILE".to_owned(),
        }
        };
        let Some(path) = config.key_file else {
            return Err(missing("nothing is set that opens backups".to_owned()));
        };
        match tokio::fs::read(&path).await {
            Ok(bytes) if bytes.len() >= muster_backup::MIN_KEY_FILE => Ok(Lock::File(bytes)),
            Ok(_) => Err(missing(format!(
                "the key file {path} has less than 32 bytes"
            ))),
            Err(error) => Err(missing(format!("the key file {path}: {error}"))),
        }
    }
}

fn change<'a>(verb: &'static str, name: &'a str, kind: ChangeKind) -> Change<'a> {
    Change {
        resource: "backup",
        project: None,
        id: name.to_owned(),
        name,
        verb,
        kind,
        before: None,
        after: Some(json!({ "name": name })),
    }
}

/// Reads the head of a file; nothing if it has none.
async fn look(depot: &Depot, stored: Stored) -> Result<Option<Backup>, ControlError> {
    let Some(begin) = depot.beginning(&stored.name, MAX_HEAD as u64).await? else {
        return Ok(None);
    };
    let head = muster_backup::head_of(&mut begin.as_ref());
    Ok(head.ok().and_then(|head| view(stored, head)))
}

fn view(stored: Stored, head: Head) -> Option<Backup> {
    Some(Backup {
        name: stored.name,
        id: head.id,
        made_at: OffsetDateTime::from_unix_timestamp(head.made_at).ok()?,
        host: head.host,
        muster: head.muster,
        blocks: match head.blocks {
            BlocksIn::All => BackupBlocks::All,
            BlocksIn::List => BackupBlocks::List,
        },
        key: match head.key {
            KeyKind::Passphrase { .. } => "passphrase",
            KeyKind::File => "file",
        }
        .to_owned(),
        bytes: stored.size,
    })
}

/// Why a backup cannot be used, for whoever asked for it.
fn unusable(error: &impl std::fmt::Display) -> ControlError {
    ControlError::Conflict {
        code: "backup-unusable",
        message: error.to_string(),
        remedy: "use another backup: muster backup list".to_owned(),
    }
}
