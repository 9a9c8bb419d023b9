//! Blocks: put, got, and told whether they are there.

use std::{
    collections::HashSet,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use muster_api::blocks::{Digest, MAX_BLOCK};
use object_store::{ObjectStoreExt, local::LocalFileSystem, path::Path};
use tokio::sync::{Mutex, RwLock};

use crate::{
    cache::Cache,
    digest,
    error::BlocksError,
    local,
    place::{Credentials, Place},
    remote::Remote,
};

/// Where blocks go that turned out to be damaged.
pub(crate) const SET_ASIDE: &str = "corrupt";

/// How many questions a server is asked at the same time.
pub(crate) const AT_ONCE: usize = 16;

/// A store of blocks: in a directory, `ab/cd/abcd…`, or in a bucket with such
/// keys and the directory as a cache in front. Clones share it. One process owns
/// the directory; a bucket may have several hosts.
#[derive(Debug, Clone)]
pub struct Blocks {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    root: PathBuf,
    /// The store itself, or the cache in front of it.
    pub(crate) files: LocalFileSystem,
    pub(crate) home: ArcSwap<Home>,
    pub(crate) cache: Cache,
    /// How many bytes the cache may have.
    pub(crate) room: u64,
    /// Held for reading by what makes a block young or new, for writing by what
    /// removes one: nobody is told that a block is there which is just going.
    removal: RwLock<()>,
    building: Mutex<()>,
}

/// Where blocks are kept now.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) place: Place,
    /// `None` for local files.
    pub(crate) remote: Option<Arc<Remote>>,
}

impl Home {
    pub(crate) fn new(place: Place, credentials: &Credentials) -> Result<Self, BlocksError> {
        let remote = match &place {
            Place::Local => None,
            Place::S3(there) => Some(Arc::new(Remote::new(there, credentials)?)),
        };
        Ok(Self { place, remote })
    }
}

impl Blocks {
    /// Opens the store in `dir`, and makes it if there is none.
    ///
    /// # Errors
    /// If the directory cannot be made or opened.
    pub fn open(dir: &FilePath) -> Result<Self, BlocksError> {
        Self::open_at(dir, Place::Local, &Credentials::default(), 0)
    }

    /// Opens the store at `place`. A server is asked nothing yet. `dir` is the
    /// store itself or, in front of a server, a cache of at most `room` bytes.
    ///
    /// # Errors
    /// If the directory cannot be made or opened.
    pub fn open_at(
        dir: &FilePath,
        place: Place,
        credentials: &Credentials,
        room: u64,
    ) -> Result<Self, BlocksError> {
        let inner = Inner {
            root: dir.to_owned(),
            files: local::open(dir)?,
            home: ArcSwap::from_pointee(Home::new(place, credentials)?),
            cache: Cache::default(),
            room,
            removal: RwLock::new(()),
            building: Mutex::new(()),
        };
        let this = Self {
            inner: Arc::new(inner),
        };
        if this.place().is_remote() {
            this.begin_cache()?;
        }
        Ok(this)
    }

    /// Where blocks are kept.
    #[must_use]
    pub fn place(&self) -> Place {
        self.inner.home.load().place.clone()
    }

    pub(crate) fn remote(&self) -> Option<Arc<Remote>> {
        self.inner.home.load().remote.clone()
    }

    /// Keeps a block. When this returns, it survives a loss of power. A block
    /// that is there already is written again.
    ///
    /// # Errors
    /// [`BlocksError::Mismatch`] if the bytes are not those that `expected`
    /// names, [`BlocksError::TooLarge`], [`BlocksError::NoSpace`],
    /// [`BlocksError::Away`].
    pub async fn put(&self, expected: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        check(expected, &bytes).await?;
        self.keep(expected, bytes).await
    }

    /// Names a block and keeps it.
    pub(crate) async fn put_new(&self, bytes: Bytes) -> Result<Digest, BlocksError> {
        let digest = digest::of_block(bytes.clone()).await?;
        self.keep(&digest, bytes).await?;
        Ok(digest)
    }

    async fn keep(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        let _staying = self.inner.removal.read().await;
        let Some(remote) = self.remote() else {
            let put = self.inner.files.put(&location(digest), bytes.into()).await;
            return Ok(put.map(drop)?);
        };
        remote.put(digest, bytes.clone()).await?;
        self.cache(digest, bytes).await;
        Ok(())
    }

    /// A block's bytes, checked against its name.
    ///
    /// # Errors
    /// [`BlocksError::Missing`] if there is none; [`BlocksError::Corrupt`] if it
    /// was damaged, after which it is missing; [`BlocksError::Away`].
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, BlocksError> {
        let Some(remote) = self.remote() else {
            return match self.read(digest).await? {
                Some(bytes) => Ok(bytes),
                None => self.set_aside(digest).await,
            };
        };
        if let Some(bytes) = self.cached(digest).await {
            return Ok(bytes);
        }
        let bytes = self.get_from(&remote, digest).await?;
        self.cache(digest, bytes.clone()).await;
        Ok(bytes)
    }

    /// A block's bytes as they are where it is kept, past the cache.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    pub async fn get_kept(&self, digest: &Digest) -> Result<Bytes, BlocksError> {
        match self.remote() {
            Some(remote) => self.get_from(&remote, digest).await,
            None => self.get(digest).await,
        }
    }

    async fn get_from(&self, remote: &Remote, digest: &Digest) -> Result<Bytes, BlocksError> {
        loop {
            let missing = || BlocksError::Missing(digest.clone());
            let bytes = remote.get(digest).await?.ok_or_else(missing)?;
            if digest::of_block(bytes.clone()).await? == *digest {
                return Ok(bytes);
            }
            let _going = self.inner.removal.write().await;
            if remote.set_aside(digest).await? {
                tracing::error!(block = %digest, "a block was damaged in the bucket; it has been set aside");
                return Err(BlocksError::Corrupt(digest.clone()));
            }
        }
    }

    /// A block's bytes, or `None` if they are not what its name says.
    pub(crate) async fn read(&self, digest: &Digest) -> Result<Option<Bytes>, BlocksError> {
        let object = match self.inner.files.get(&location(digest)).await {
            Ok(object) => object,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(BlocksError::Missing(digest.clone()));
            }
            Err(error) => return Err(error.into()),
        };
        let bytes = object.bytes().await?;
        let actual = digest::of_block(bytes.clone()).await?;
        Ok((actual == *digest).then_some(bytes))
    }

    /// Moves a damaged block out of the way, so that it can be uploaded again.
    /// Looks once more before: somebody may have done that just now.
    async fn set_aside(&self, digest: &Digest) -> Result<Bytes, BlocksError> {
        let _going = self.inner.removal.write().await;
        if let Some(bytes) = self.read(digest).await? {
            return Ok(bytes);
        }
        let aside = Path::from_iter([SET_ASIDE, digest.as_str()]);
        self.inner.files.rename(&location(digest), &aside).await?;
        tracing::error!(block = %digest, "a block was damaged on disk; it has been set aside");
        Err(BlocksError::Corrupt(digest.clone()))
    }

    /// Which of these blocks are not there, each once, in their order. Those
    /// that are there count as young from now on, so that garbage collection
    /// leaves the asker time to refer to them.
    ///
    /// # Errors
    /// If the directory could not be read, or [`BlocksError::Away`].
    pub async fn missing(&self, blocks: &[Digest]) -> Result<Vec<Digest>, BlocksError> {
        let sizes = self.touch(blocks).await?;
        let absent = blocks
            .iter()
            .zip(sizes)
            .filter(|(_, size)| size.is_none())
            .map(|(block, _)| block);
        Ok(once(absent))
    }

    /// How long each of these blocks is, if it is there. They count as young from now
    /// on.
    ///
    /// # Errors
    /// As of [`missing`](Self::missing).
    pub async fn sizes(&self, blocks: &[Digest]) -> Result<Vec<Option<u64>>, BlocksError> {
        self.touch(blocks).await
    }

    /// Makes blocks young and says how long each is, if it is there.
    pub(crate) async fn touch(&self, blocks: &[Digest]) -> Result<Vec<Option<u64>>, BlocksError> {
        let _staying = self.inner.removal.read().await;
        if let Some(remote) = self.remote() {
            let asked = blocks.iter().cloned().map(|block| {
                let remote = Arc::clone(&remote);
                async move { remote.touch(&block).await }
            });
            return stream::iter(asked).buffered(AT_ONCE).try_collect().await;
        }
        let files = blocks
            .iter()
            .map(|block| self.inner.files.path_to_filesystem(&location(block)));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        blocking(move || files.iter().map(|file| local::touch(file)).collect()).await
    }

    pub(crate) fn root(&self) -> &FilePath {
        &self.inner.root
    }

    pub(crate) fn objects(&self) -> &LocalFileSystem {
        &self.inner.files
    }

    pub(crate) fn removal(&self) -> &RwLock<()> {
        &self.inner.removal
    }

    pub(crate) fn building(&self) -> &Mutex<()> {
        &self.inner.building
    }
}

/// Checks bytes against their name.
pub(crate) async fn check(expected: &Digest, bytes: &Bytes) -> Result<(), BlocksError> {
    if bytes.len() > MAX_BLOCK {
        return Err(BlocksError::TooLarge { size: bytes.len() });
    }
    let actual = digest::of_block(bytes.clone()).await?;
    if actual != *expected {
        return Err(BlocksError::Mismatch {
            expected: expected.clone(),
            actual,
        });
    }
    Ok(())
}

/// Each once, in their order.
pub(crate) fn once<'a>(blocks: impl Iterator<Item = &'a Digest>) -> Vec<Digest> {
    let mut seen = HashSet::new();
    blocks
        .filter(|block| seen.insert(*block))
        .cloned()
        .collect()
}

/// Where a block is kept. Two levels of directories keep each of them small.
pub(crate) fn location(digest: &Digest) -> Path {
    let name = digest.as_str();
    Path::from_iter([&name[..2], &name[2..4], name])
}

/// Runs work on files beside the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlocksError> + Send + 'static,
) -> Result<T, BlocksError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|failure| BlocksError::Other(Box::new(failure)))?
}

#[cfg(test)]
mod tests;
