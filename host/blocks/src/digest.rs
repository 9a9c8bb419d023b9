//! Names of blocks and of whole files.

use bytes::Bytes;
use muster_api::blocks::{Digest, FileEntry};
use sha2::{Digest as _, Sha256};

use crate::error::BlocksError;

/// The name of a block. Hashing some MiB takes milliseconds, so it happens
/// beside the threads that serve requests.
pub(crate) async fn of_block(bytes: Bytes) -> Result<Digest, BlocksError> {
    let hash = tokio::task::spawn_blocking(move || sha256(&bytes));
    hash.await
        .map_err(|failure| BlocksError::Other(Box::new(failure)))
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

/// A digest of a whole file, known without reading it: that of its block, if it
/// has exactly one, and then also the SHA-256 of the file; otherwise the SHA-256
/// of its blocks' names, one after the other, in hexadecimal as they are
/// written. An empty file has no blocks, and the SHA-256 of nothing.
#[must_use]
pub fn file_digest(file: &FileEntry) -> String {
    if let [block] = file.blocks.as_slice() {
        return block.to_string();
    }
    let mut hash = Sha256::new();
    for block in &file.blocks {
        hash.update(block.as_str());
    }
    Digest::from_bytes(&hash.finalize().into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_files_digest_follows_from_its_blocks() {
        let file = |blocks: &[&str]| FileEntry {
            path: "a".to_owned(),
            size: 0,
            blocks: blocks
                .iter()
                .map(|block| Digest::parse(block).unwrap())
                .collect(),
        };
        assert_eq!(sha256(b"abc").as_str(), ABC);
        assert_eq!(file_digest(&file(&[])), NOTHING);
        assert_eq!(file_digest(&file(&[ABC])), ABC);
        let both = format!("{ABC}{NOTHING}");
        assert_eq!(
            file_digest(&file(&[ABC, NOTHING])),
            sha256(both.as_bytes()).as_str()
        );
        assert_ne!(
            file_digest(&file(&[ABC, NOTHING])),
            file_digest(&file(&[NOTHING, ABC]))
        );
    }
}
