//! Stores and blocks for the tests of this crate.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use muster_api::blocks::Digest;
use tempfile::TempDir;

use crate::Blocks;

/// A fresh store. It lives as long as the directory.
pub(crate) fn store() -> (Blocks, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Blocks::open(dir.path()).unwrap(), dir)
}

/// A block whose name is well known.
pub(crate) fn abc() -> (Digest, Bytes) {
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    (Digest::parse(name).unwrap(), Bytes::from_static(b"abc"))
}

/// The file of a block.
pub(crate) fn path_of(dir: &TempDir, digest: &Digest) -> PathBuf {
    let name = digest.as_str();
    dir.path().join(&name[..2]).join(&name[2..4]).join(name)
}

/// Makes a file look as if it had been written a day ago.
pub(crate) fn age(path: &std::path::Path) {
    File::open(path)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(86_400))
        .unwrap();
}

/// Bytes that differ from block to block.
pub(crate) fn content(size: usize) -> Bytes {
    (0..size)
        .map(|at| (at % 251) as u8 ^ (at >> 20) as u8)
        .collect()
}
