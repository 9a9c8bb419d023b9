//! Backups: everything that a Muster remembers, in one sealed file.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a backup holds of blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupBlocks {
    /// All that the state needs: the backup is complete by itself.
    #[default]
    All,
    /// Their names alone: they are where they are kept, or other hosts have them.
    List,
}

/// A backup as everybody may see it who may see backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// The name of its file.
    #[schema(example = "north-20261122T140000Z-1b9d6bcd.muster-backup")]
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// The name of the host that made it.
    pub host: String,
    /// The version of Muster that made it.
    pub muster: String,
    /// What it holds of blocks.
    pub blocks: BackupBlocks,
    /// What opens it: `passphrase` or `file`.
    pub key: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// How to make a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// What it holds of blocks; what the section `backup` says unless told.
    #[serde(default)]
    pub blocks: Option<BackupBlocks>,
}
