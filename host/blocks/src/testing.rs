//! Stores and blocks for the tests of this crate, in local files and in a bucket.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use muster_api::{blocks::Digest, config::Secret};
use muster_e2e::servers::{S3Options, S3Server};
use tempfile::TempDir;

use crate::{Blocks, Credentials, Place};

/// The bucket, and the prefix in it.
pub(crate) const BUCKET: &str = "blocks";
pub(crate) const PREFIX: &str = "of/tests";

const DAY: Duration = Duration::from_secs(86_400);

/// A fresh store with what lies below it.
pub(crate) struct Fixture {
    pub(crate) blocks: Blocks,
    pub(crate) dir: TempDir,
    pub(crate) server: Option<S3Server>,
}

impl Fixture {
    pub(crate) fn local() -> Self {
        let (blocks, dir) = store();
        Self {
            blocks,
            dir,
            server: None,
        }
    }

    pub(crate) fn s3() -> Self {
        let server = server();
        let dir = tempfile::tempdir().unwrap();
        Self {
            blocks: open(&dir, &server, 1 << 30),
            dir,
            server: Some(server),
        }
    }

    /// The store as another process opens it.
    pub(crate) fn again(&self) -> Blocks {
        match &self.server {
            Some(server) => open(&self.dir, server, 1 << 30),
            None => Blocks::open(self.dir.path()).unwrap(),
        }
    }

    /// Whether there is something at a path below the store.
    pub(crate) fn has(&self, path: &str) -> bool {
        match &self.server {
            Some(server) => server.keys(BUCKET).contains(&format!("{PREFIX}/{path}")),
            None => self.dir.path().join(path).exists(),
        }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        match &self.server {
            Some(server) => server.get(BUCKET, &format!("{PREFIX}/{path}")),
            None => std::fs::read_to_string(self.dir.path().join(path)).unwrap(),
        }
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        match &self.server {
            Some(server) => server.put(BUCKET, &format!("{PREFIX}/{path}"), text),
            None => std::fs::write(self.dir.path().join(path), text).unwrap(),
        }
    }

    /// Damages a block where it is kept, and has no cache hide it.
    pub(crate) fn damage(&self, digest: &Digest, text: &str) {
        if self.server.is_some() {
            let _ = std::fs::remove_file(self.dir.path().join(relative(digest)));
        }
        self.write(&relative(digest), text);
    }

    /// Makes something look as if it had been written a day ago.
    pub(crate) fn age(&self, path: &str) {
        match &self.server {
            Some(server) => server.age(BUCKET, &format!("{PREFIX}/{path}"), DAY.as_secs()),
            None => age(&self.dir.path().join(path)),
        }
    }
}

/// Runs tests on a store in local files and on one in a bucket.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod in_local_files {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::testing::Fixture::local()).await;
            })*
        }
        mod in_a_bucket {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::testing::Fixture::s3()).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// A server with the bucket.
pub(crate) fn server() -> S3Server {
    // The first one counts; the others are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    S3Server::start(&S3Options::default())
}

pub(crate) fn place(server: &S3Server) -> Place {
    server.url(&format!("{BUCKET}/{PREFIX}")).parse().unwrap()
}

pub(crate) fn credentials() -> Credentials {
    Credentials {
        access_key: "muster".to_owned(),
        secret_key: Secret::new("secret"),
        session_token: Secret::default(),
    }
}

/// A store in the bucket, with a cache of `room` bytes.
pub(crate) fn open(dir: &TempDir, server: &S3Server, room: u64) -> Blocks {
    Blocks::open_at(dir.path(), place(server), &credentials(), room).unwrap()
}

/// A fresh store in local files. It lives as long as the directory.
pub(crate) fn store() -> (Blocks, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Blocks::open(dir.path()).unwrap(), dir)
}

/// A block whose name is well known.
pub(crate) fn abc() -> (Digest, Bytes) {
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    (Digest::parse(name).unwrap(), Bytes::from_static(b"abc"))
}

/// Where a block lies below a store.
pub(crate) fn relative(digest: &Digest) -> String {
    let name = digest.as_str();
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

/// The file of a block.
pub(crate) fn path_of(dir: &TempDir, digest: &Digest) -> PathBuf {
    dir.path().join(relative(digest))
}

/// Makes a file look as if it had been written a day ago.
pub(crate) fn age(path: &std::path::Path) {
    File::open(path)
        .unwrap()
        .set_modified(SystemTime::now() - DAY)
        .unwrap();
}

/// Bytes that differ from block to block.
pub(crate) fn content(size: usize) -> Bytes {
    (0..size)
        .map(|at| (at % 251) as u8 ^ (at >> 20) as u8)
        .collect()
}
