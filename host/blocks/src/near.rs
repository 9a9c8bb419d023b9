//! Blocks near at hand: in files of this machine, whether these are the store or
//! a cache in front of one elsewhere.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use muster_api::blocks::Digest;
use object_store::ObjectStoreExt;

use crate::{
    blocks::{AT_ONCE, Blocks, check, location, once},
    cache::Cached,
    error::BlocksError,
    local,
};

impl Blocks {
    /// Which of these blocks are not in files of this machine, each once, in their
    /// order. Nobody else is asked. In a store of local files the others count as
    /// young from now on.
    ///
    /// # Errors
    /// If the directory could not be read.
    pub async fn not_near(&self, blocks: &[Digest]) -> Result<Vec<Digest>, BlocksError> {
        if self.remote().is_none() {
            return self.missing(blocks).await;
        }
        let cache = &self.inner.cache;
        Ok(once(blocks.iter().filter(|block| !cache.used(block))))
    }

    /// Which of these blocks can be read neither from files of this machine nor
    /// from where blocks are kept, each once, in their order. What a server that is
    /// away may have counts as absent.
    ///
    /// # Errors
    /// If the directory could not be read.
    pub async fn absent(&self, blocks: &[Digest]) -> Result<Vec<Digest>, BlocksError> {
        let far = self.not_near(blocks).await?;
        let Some(remote) = self.remote() else {
            return Ok(far);
        };
        let asked = far.iter().cloned().map(|block| {
            let remote = Arc::clone(&remote);
            async move { remote.head(&block).await }
        });
        let known: Result<Vec<_>, _> = stream::iter(asked).buffered(AT_ONCE).try_collect().await;
        match known {
            Ok(known) => {
                let absent = far.into_iter().zip(known);
                Ok(absent
                    .filter(|(_, known)| known.is_none())
                    .map(|(block, _)| block)
                    .collect())
            }
            Err(BlocksError::Away { .. }) => Ok(far),
            Err(error) => Err(error),
        }
    }

    /// Keeps a block near at hand. Where blocks are kept elsewhere, it may have to
    /// make way for others.
    ///
    /// # Errors
    /// As of [`put`](Self::put), but that no server is asked.
    pub async fn put_near(&self, expected: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        if self.remote().is_none() {
            return self.put(expected, bytes).await;
        }
        check(expected, &bytes).await?;
        self.try_cache(expected, bytes).await
    }

    /// How much lies in the cache in front of a server; `None` if blocks are kept
    /// in local files.
    #[must_use]
    pub fn cached_state(&self) -> Option<Cached> {
        self.remote().map(|_| self.inner.cache.state())
    }

    /// Takes what lies in the directory as a cache.
    pub(crate) fn begin_cache(&self) -> Result<(), BlocksError> {
        let mut found = local::blocks(self.root())?;
        found.sort_by_key(|(_, _, used): &(Digest, u64, SystemTime)| *used);
        let found = found.into_iter().map(|(digest, size, _)| (digest, size));
        for digest in self.inner.cache.begin(self.inner.room, found.collect()) {
            local::remove(&self.file_of(&digest)?)?;
        }
        Ok(())
    }

    /// A block out of the cache. One that is damaged there goes.
    pub(crate) async fn cached(&self, digest: &Digest) -> Option<Bytes> {
        if !self.inner.cache.used(digest) {
            return None;
        }
        match self.read(digest).await {
            Ok(Some(bytes)) => return Some(bytes),
            Ok(None) => {
                tracing::warn!(block = %digest, "a block was damaged in the cache; it is fetched anew");
                self.forget(digest).await;
            }
            Err(BlocksError::Missing(_)) => self.inner.cache.removed(digest),
            Err(error) => {
                tracing::warn!(block = %digest, %error, "a block could not be read from the cache");
            }
        }
        None
    }

    /// Puts a block into the cache. That it does not fit costs time, never truth.
    pub(crate) async fn cache(&self, digest: &Digest, bytes: Bytes) {
        if let Err(error) = self.try_cache(digest, bytes).await {
            tracing::warn!(block = %digest, %error, "a block could not be kept in the cache");
        }
    }

    async fn try_cache(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        let size = bytes.len() as u64;
        self.inner
            .files
            .put(&location(digest), bytes.into())
            .await?;
        for gone in self.inner.cache.added(digest, size) {
            self.remove_file(&gone).await;
        }
        Ok(())
    }

    /// Removes a block from the cache.
    pub(crate) async fn forget(&self, digest: &Digest) {
        self.inner.cache.removed(digest);
        self.remove_file(digest).await;
    }

    async fn remove_file(&self, digest: &Digest) {
        match self.inner.files.delete(&location(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(block = %digest, %error, "a block could not be removed from the cache");
            }
        }
    }

    fn file_of(&self, digest: &Digest) -> Result<std::path::PathBuf, BlocksError> {
        Ok(self.inner.files.path_to_filesystem(&location(digest))?)
    }
}
