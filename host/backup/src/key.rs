//! Passphrases, key files, and the key of one backup.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    digest, hmac,
};

use crate::{BackupError, head::KeyKind};

/// How many bytes a key file must have at least.
pub const MIN_KEY_FILE: usize = 32;

const CONTEXT: &[u8] = b"muster-backup-1";
const KEY_LEN: usize = 32;
/// For new backups: as much as guessing should cost.
const MEMORY: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The most that a head may ask for.
const MOST_MEMORY: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

/// What a backup is opened with.
#[derive(Clone)]
pub enum Lock {
    /// A passphrase.
    Passphrase(String),
    /// What a key file holds.
    File(Vec<u8>),
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(..)",
            Self::File(_) => "File(..)",
        })
    }
}

impl Lock {
    /// How new backups name it.
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Passphrase(_) => KeyKind::Passphrase {
                memory: MEMORY,
                passes: PASSES,
            },
            Self::File(_) => KeyKind::File,
        }
    }

    /// The key of one backup.
    pub(crate) fn key(&self, kind: KeyKind, salt: &[u8]) -> Result<LessSafeKey, BackupError> {
        let refuse = |why: &str| Err(BackupError::Key(why.to_owned()));
        let master = match (self, kind) {
            (Self::Passphrase(text), KeyKind::Passphrase { memory, passes }) => {
                if text.is_empty() {
                    return refuse("the passphrase is empty");
                }
                if memory > MOST_MEMORY || passes > MOST_PASSES {
                    return refuse("its head asks for more memory or time than any backup does");
                }
                let params = Params::new(memory, passes, 1, Some(KEY_LEN))
                    .map_err(|error| BackupError::Key(error.to_string()))?;
                let mut key = vec![0; KEY_LEN];
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(text.as_bytes(), salt, &mut key)
                    .map_err(|error| BackupError::Key(error.to_string()))?;
                key
            }
            (Self::File(bytes), KeyKind::File) => {
                if bytes.len() < MIN_KEY_FILE {
                    return refuse("the key file has less than 32 bytes");
                }
                digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
            }
            (Self::Passphrase(_), KeyKind::File) => {
                return refuse("it was sealed with a key file, not with a passphrase");
            }
            (Self::File(_), KeyKind::Passphrase { .. }) => {
                return refuse("it was sealed with a passphrase, not with a key file");
            }
        };
        let mut context = CONTEXT.to_vec();
        context.extend_from_slice(salt);
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &master), &context);
        match UnboundKey::new(&AES_256_GCM, key.as_ref()) {
            Ok(key) => Ok(LessSafeKey::new(key)),
            Err(_) => refuse("it has another length"),
        }
    }
}

/// The nonce of a chunk.
pub(crate) fn nonce(number: u64) -> ring::aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ring::aead::Nonce::assume_unique_for_key(bytes)
}

/// What a chunk is bound to.
pub(crate) fn associated(head: &[u8; 32], number: u64, last: bool) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.push(u8::from(last));
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
