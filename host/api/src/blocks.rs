//! Blocks: what files are made of on the wire and in the store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Secret;

/// The largest block, in bytes. A file is cut into blocks of this size and a
/// rest.
pub const MAX_BLOCK: usize = 4 << 20;

/// A block's name: the SHA-256 of its bytes, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
pub struct Digest(String);

/// A text that is not a block's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a block's name: 64 lower-case hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    /// Takes the 32 bytes of a SHA-256.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Checks a name that came from outside.
    ///
    /// # Errors
    /// If it is not 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(DigestError(text.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One file as a list of blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Relative path, `/` between segments.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// The blocks in order: all of [`MAX_BLOCK`] but the last.
    pub blocks: Vec<Digest>,
}

/// Asks which blocks the host lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingQuery {
    /// The blocks that the client has.
    pub blocks: Vec<Digest>,
}

/// Says which blocks the host lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingReply {
    /// The blocks to upload.
    pub missing: Vec<Digest>,
}

/// Where a host keeps its blocks, and how much that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockStorage {
    /// `local` for files of the data directory, or
    /// `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.
    #[schema(example = "s3://muster/blocks?endpoint=https://s3.example.com")]
    pub place: String,
    /// How many blocks there are; null if the server that keeps them is away.
    #[serde(default)]
    #[schema(required)]
    pub blocks: Option<u64>,
    /// How many bytes they have; null if the server is away.
    #[serde(default)]
    #[schema(required)]
    pub bytes: Option<u64>,
    /// Why the server cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What lies in files of the host in front of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<BlockCache>,
    /// Whether this host removes blocks there that nothing needs. Of a bucket that
    /// several hosts share, only the one does that works on the group's state.
    pub collects: bool,
}

/// A bounded part of the blocks, near at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockCache {
    /// How many blocks are in it.
    pub blocks: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many bytes they may have.
    pub limit: u64,
}

/// Where blocks are to be kept from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlocksMove {
    /// `local`, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.
    #[schema(example = "s3://muster/blocks?endpoint=https://s3.example.com")]
    pub to: String,
    /// The id of an access key of the S3 server; the one that the host was started
    /// with unless told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_key: String,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub secret_key: Secret,
    /// The session token of an access key that passes.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub session_token: Secret,
}

/// How to verify blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlocksVerify {
    /// Fetch what is missing or damaged from other hosts.
    #[serde(default)]
    pub repair: bool,
}
