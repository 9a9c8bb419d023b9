//! Blocks: put, got, and told whether they are there.

use std::{
    collections::HashSet,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use muster_api::blocks::{Digest, MAX_BLOCK};
use object_store::{ObjectStoreExt, local::LocalFileSystem, path::Path};
use tokio::sync::{Mutex, RwLock};

use crate::{digest, error::BlocksError, local};

/// Where blocks go that turned out to be damaged.
pub(crate) const SET_ASIDE: &str = "corrupt";

/// A store of blocks in a directory: `ab/cd/abcd…`. Clones share it. One process
/// owns the directory.
#[derive(Debug, Clone)]
pub struct Blocks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    objects: LocalFileSystem,
    /// Held for reading by what makes a block young or new, for writing by what
    /// removes one: nobody is told that a block is there which is just going.
    removal: RwLock<()>,
    building: Mutex<()>,
}

impl Blocks {
    /// Opens the store in `dir`, and makes it if there is none.
    ///
    /// # Errors
    /// If the directory cannot be made or opened.
    pub fn open(dir: &FilePath) -> Result<Self, BlocksError> {
        let objects = local::open(dir)?;
        let inner = Inner {
            root: dir.to_owned(),
            objects,
            removal: RwLock::new(()),
            building: Mutex::new(()),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Keeps a block. When this returns, it survives a loss of power. A block
    /// that is there already is written again.
    ///
    /// # Errors
    /// [`BlocksError::Mismatch`] if the bytes are not those that `expected`
    /// names, [`BlocksError::TooLarge`], [`BlocksError::NoSpace`].
    pub async fn put(&self, expected: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
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
        self.keep(&actual, bytes).await
    }

    /// Names a block and keeps it.
    pub(crate) async fn put_new(&self, bytes: Bytes) -> Result<Digest, BlocksError> {
        let digest = digest::of_block(bytes.clone()).await?;
        self.keep(&digest, bytes).await?;
        Ok(digest)
    }

    async fn keep(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        let _staying = self.inner.removal.read().await;
        self.inner
            .objects
            .put(&location(digest), bytes.into())
            .await?;
        Ok(())
    }

    /// A block's bytes, checked against its name.
    ///
    /// # Errors
    /// [`BlocksError::Missing`] if there is none; [`BlocksError::Corrupt`] if it
    /// was damaged, after which it is missing.
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, BlocksError> {
        match self.read(digest).await? {
            Some(bytes) => Ok(bytes),
            None => self.set_aside(digest).await,
        }
    }

    /// A block's bytes, or `None` if they are not what its name says.
    async fn read(&self, digest: &Digest) -> Result<Option<Bytes>, BlocksError> {
        let object = match self.inner.objects.get(&location(digest)).await {
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
        self.inner.objects.rename(&location(digest), &aside).await?;
        tracing::error!(block = %digest, "a block was damaged on disk; it has been set aside");
        Err(BlocksError::Corrupt(digest.clone()))
    }

    /// Which of these blocks are not there, each once, in their order. Those
    /// that are there count as young from now on, so that garbage collection
    /// leaves the asker time to refer to them.
    ///
    /// # Errors
    /// If the directory could not be read.
    pub async fn missing(&self, blocks: &[Digest]) -> Result<Vec<Digest>, BlocksError> {
        let sizes = self.touch(blocks).await?;
        let mut seen = HashSet::new();
        let absent = blocks
            .iter()
            .zip(sizes)
            .filter(|(_, size)| size.is_none())
            .map(|(block, _)| block);
        Ok(absent
            .filter(|block| seen.insert(*block))
            .cloned()
            .collect())
    }

    /// Makes blocks young and says how long each is, if it is there.
    pub(crate) async fn touch(&self, blocks: &[Digest]) -> Result<Vec<Option<u64>>, BlocksError> {
        let _staying = self.inner.removal.read().await;
        let files = blocks
            .iter()
            .map(|block| self.inner.objects.path_to_filesystem(&location(block)));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        blocking(move || files.iter().map(|file| local::touch(file)).collect()).await
    }

    pub(crate) fn root(&self) -> &FilePath {
        &self.inner.root
    }

    pub(crate) fn objects(&self) -> &LocalFileSystem {
        &self.inner.objects
    }

    pub(crate) fn removal(&self) -> &RwLock<()> {
        &self.inner.removal
    }

    pub(crate) fn building(&self) -> &Mutex<()> {
        &self.inner.building
    }
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
mod tests {
    use super::*;
    use crate::testing::{abc, path_of, store};

    async fn is_missing(blocks: &Blocks, digest: &Digest) -> bool {
        !blocks
            .missing(std::slice::from_ref(digest))
            .await
            .unwrap()
            .is_empty()
    }

    #[tokio::test]
    async fn a_block_is_kept_under_its_name_only() {
        let (blocks, dir) = store();
        let (abc, bytes) = abc();
        blocks.put(&abc, bytes.clone()).await.unwrap();
        assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
        let name = abc.as_str();
        assert!(
            dir.path().join("ba").join("78").join(name).is_file(),
            "the layout others rely on"
        );

        let other = Digest::from_bytes(&[7; 32]);
        let refused = blocks.put(&other, bytes).await.unwrap_err();
        assert!(
            matches!(refused, BlocksError::Mismatch { ref actual, .. } if *actual == abc),
            "{refused}"
        );
        assert!(matches!(
            blocks.get(&other).await,
            Err(BlocksError::Missing(_))
        ));
        let large = Bytes::from(vec![0; MAX_BLOCK + 1]);
        assert!(matches!(
            blocks.put(&other, large).await,
            Err(BlocksError::TooLarge { .. })
        ));
        assert_eq!(
            blocks
                .missing(&[other.clone(), abc, other.clone()])
                .await
                .unwrap(),
            [other]
        );
    }

    #[tokio::test]
    async fn blocks_outlive_the_process() {
        let (blocks, dir) = store();
        let (abc, bytes) = abc();
        blocks.put(&abc, bytes.clone()).await.unwrap();
        drop(blocks);
        assert_eq!(
            Blocks::open(dir.path()).unwrap().get(&abc).await.unwrap(),
            bytes
        );
    }

    #[tokio::test]
    async fn a_damaged_block_is_told_once_and_can_be_uploaded_again() {
        let (blocks, dir) = store();
        let (abc, bytes) = abc();
        blocks.put(&abc, bytes.clone()).await.unwrap();
        for damage in ["abd", "ab", ""] {
            std::fs::write(path_of(&dir, &abc), damage).unwrap();
            assert!(
                matches!(blocks.get(&abc).await, Err(BlocksError::Corrupt(_))),
                "{damage:?}"
            );
            assert!(
                matches!(blocks.get(&abc).await, Err(BlocksError::Missing(_))),
                "{damage:?}"
            );
            assert!(is_missing(&blocks, &abc).await);
            assert_eq!(
                std::fs::read_to_string(dir.path().join(SET_ASIDE).join(abc.as_str())).unwrap(),
                damage
            );
            blocks.put(&abc, bytes.clone()).await.unwrap();
            assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
        }
    }

    #[tokio::test]
    async fn an_upload_that_a_crash_cut_short_is_no_block() {
        let (blocks, dir) = store();
        let (abc, bytes) = abc();
        let file = path_of(&dir, &abc);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(format!("{}#1", file.display()), "a").unwrap();
        assert!(is_missing(&blocks, &abc).await);
        blocks.put(&abc, bytes.clone()).await.unwrap();
        assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
    }
}
