//! What everybody may read.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::BackupError;

/// The longest head, in bytes.
pub const MAX_HEAD: usize = 4096 + MAGIC.len() + 2;

const MAGIC: &str = "MUSTER-BACKUP ";
const VERSION: &str = "1";

/// What everybody may read of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Names the backup.
    pub id: Uuid,
    /// When it was made, in seconds since 1970.
    pub made_at: i64,
    /// The name of the host that made it.
    pub host: String,
    /// The version of Muster that made it.
    pub muster: String,
    /// Whether blocks are in it.
    pub blocks: BlocksIn,
    /// Random bytes, in hexadecimal.
    pub salt: String,
    /// What opens it.
    pub key: KeyKind,
}

/// What a backup holds of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlocksIn {
    /// All of them.
    All,
    /// Their names.
    List,
}

/// What opens a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum KeyKind {
    /// A passphrase, through Argon2id.
    Passphrase {
        /// How much memory that takes, in KiB.
        memory: u32,
        /// How often it is gone over.
        passes: u32,
    },
    /// A file of random bytes.
    File,
}

impl Head {
    /// As it stands in the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Plain data always has a JSON form.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{MAGIC}{VERSION}\n{json}\n").into_bytes()
    }

    /// Reads the first line.
    pub(crate) fn check_first(line: &[u8]) -> Result<(), BackupError> {
        let line = std::str::from_utf8(line).map_err(|_| BackupError::Foreign)?;
        match line.strip_prefix(MAGIC) {
            Some(VERSION) => Ok(()),
            Some(version) if version.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(BackupError::Newer(version.to_owned()))
            }
            _ => Err(BackupError::Foreign),
        }
    }

    /// Reads the second line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, BackupError> {
        serde_json::from_slice(line).map_err(|_| BackupError::Foreign)
    }
}
