//! Garbage: blocks that nothing refers to any more.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use futures::TryStreamExt;
use muster_api::blocks::Digest;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, path::Path};

use crate::{
    blocks::{Blocks, SET_ASIDE, blocking, location},
    error::BlocksError,
    local,
    remote::{Remote, YOUNG},
};

/// What garbage collection has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many blocks.
    pub blocks: u64,
    /// How many bytes, those of unfinished uploads and damaged blocks among
    /// them.
    pub bytes: u64,
}

impl Blocks {
    /// Removes the blocks that are not in `live`, unless they were uploaded or
    /// asked for within `min_age`: these may belong to something that is yet to
    /// come. Of the same age must be what crashes and damage have left, so that
    /// `min_age` should be longer than the longest upload of a block.
    ///
    /// Of a bucket, only the host may do this that works on the state which the
    /// bucket belongs to, see [`claim`](Self::claim).
    ///
    /// # Errors
    /// If the directory could not be read or written, or [`BlocksError::Away`];
    /// what was removed stays so.
    pub async fn collect_garbage(
        &self,
        live: HashSet<Digest>,
        min_age: Duration,
    ) -> Result<Collected, BlocksError> {
        if let Some(remote) = self.remote() {
            return self.collect_remote(&remote, &live, min_age).await;
        }
        // A time in the future is a clock that was set back: not old.
        let is_old = move |modified: SystemTime| modified.elapsed().is_ok_and(|age| age >= min_age);
        let mut collected = Collected::default();
        let mut objects = self.objects().list(None);
        while let Some(object) = objects.try_next().await? {
            if is_garbage(&object, &live)
                && is_old(object.last_modified.into())
                && self.remove(&object, is_old).await?
            {
                collected.add(&object);
            }
        }
        let root = self.root().to_owned();
        collected.bytes += blocking(move || local::sweep(&root, is_old)).await?;
        Ok(collected)
    }

    /// The same in a bucket. How old a block is, is told by the server's clock
    /// alone.
    async fn collect_remote(
        &self,
        remote: &Remote,
        live: &HashSet<Digest>,
        min_age: Duration,
    ) -> Result<Collected, BlocksError> {
        let mut collected = Collected::default();
        let mut objects = remote.list();
        while let Some(object) = objects.try_next().await? {
            let is_old = |modified: SystemTime, now: SystemTime| {
                now.duration_since(modified).is_ok_and(|age| age >= min_age)
            };
            let now = remote.now().await?;
            if !is_garbage(&object, live) || !is_old(object.last_modified.into(), now) {
                continue;
            }
            let _going = self.removal().write().await;
            if let Kind::Block(digest) = kind(&object) {
                // Somebody may have asked for it since it was listed.
                match remote.head(&digest).await? {
                    Some(known) if is_old(known.last_modified.into(), remote.now().await?) => {}
                    _ => continue,
                }
                self.forget(&digest).await;
            }
            remote.delete_at(&object.location).await?;
            collected.add(&object);
        }
        Ok(collected)
    }

    /// Whether the state that is known as `owner` decides what of a bucket is
    /// garbage: if nobody's did before, it does from now on. Of local files, their
    /// host always decides.
    ///
    /// # Errors
    /// [`BlocksError::Away`].
    pub async fn claim(&self, owner: &str) -> Result<bool, BlocksError> {
        match self.remote() {
            None => Ok(true),
            Some(remote) => Ok(remote.claim(owner).await? == owner),
        }
    }

    /// Whose state decides what of a bucket is garbage, if anybody's.
    ///
    /// # Errors
    /// [`BlocksError::Away`].
    pub async fn owner(&self) -> Result<Option<String>, BlocksError> {
        match self.remote() {
            None => Ok(None),
            Some(remote) => remote.owner().await,
        }
    }

    /// Has the state that is known as `owner` decide, whoever's did before.
    ///
    /// # Errors
    /// [`BlocksError::Away`].
    pub async fn adopt(&self, owner: &str) -> Result<(), BlocksError> {
        match self.remote() {
            None => Ok(()),
            Some(remote) => remote.set_owner(owner).await,
        }
    }

    /// Removes an object if it is still old: somebody may have asked for it since
    /// it was listed.
    async fn remove(
        &self,
        object: &ObjectMeta,
        is_old: impl Fn(SystemTime) -> bool,
    ) -> Result<bool, BlocksError> {
        let _going = self.removal().write().await;
        match self.objects().head(&object.location).await {
            Ok(now) if is_old(now.last_modified.into()) => {}
            Ok(_) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.objects().delete(&object.location).await?;
        Ok(true)
    }
}

impl Collected {
    fn add(&mut self, object: &ObjectMeta) {
        self.blocks += u64::from(matches!(kind(object), Kind::Block(_)));
        self.bytes += object.size;
    }
}

fn is_garbage(object: &ObjectMeta, live: &HashSet<Digest>) -> bool {
    match kind(object) {
        Kind::Block(digest) => !live.contains(&digest),
        Kind::SetAside => true,
        Kind::Foreign => false,
    }
}

/// What an object in the store's directory is.
pub(crate) enum Kind {
    Block(Digest),
    SetAside,
    /// Not ours to touch.
    Foreign,
}

pub(crate) fn kind(object: &ObjectMeta) -> Kind {
    let path = &object.location;
    let digest = path.filename().and_then(|name| Digest::parse(name).ok());
    match digest {
        Some(digest) if location(&digest) == *path => Kind::Block(digest),
        // Damaged ones, and copies of those that were being made young.
        Some(_)
            if path.prefix_matches(&Path::from(SET_ASIDE))
                || path.prefix_matches(&Path::from(YOUNG)) =>
        {
            Kind::SetAside
        }
        _ => Kind::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::testing::{Fixture, on_both, path_of, relative, store};

    const HOUR: Duration = Duration::from_secs(3600);

    on_both!(
        old_blocks_without_references_go_and_others_stay,
        a_block_that_somebody_asked_for_is_young_again,
        damaged_blocks_go_when_they_are_old_and_what_is_not_ours_stays,
        one_state_decides_what_is_garbage,
    );

    async fn put(blocks: &Blocks, content: &'static str) -> Digest {
        blocks
            .put_new(Bytes::from_static(content.as_bytes()))
            .await
            .unwrap()
    }

    async fn old_blocks_without_references_go_and_others_stay(at: Fixture) {
        let blocks = &at.blocks;
        let [live, young, old] = [
            put(blocks, "live").await,
            put(blocks, "young").await,
            put(blocks, "old").await,
        ];
        at.age(&relative(&live));
        at.age(&relative(&old));
        let collected = blocks
            .collect_garbage(HashSet::from([live.clone()]), HOUR)
            .await
            .unwrap();
        assert_eq!(
            collected,
            Collected {
                blocks: 1,
                bytes: 3
            }
        );
        let all = [live, young, old.clone()];
        assert_eq!(
            blocks.missing(&all).await.unwrap(),
            std::slice::from_ref(&old)
        );
        assert!(matches!(
            blocks.get(&old).await,
            Err(BlocksError::Missing(_))
        ));
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
    }

    async fn a_block_that_somebody_asked_for_is_young_again(at: Fixture) {
        let blocks = &at.blocks;
        let [asked, written] = [put(blocks, "asked").await, put(blocks, "written").await];
        at.age(&relative(&asked));
        at.age(&relative(&written));
        assert_eq!(
            blocks.missing(std::slice::from_ref(&asked)).await.unwrap(),
            []
        );
        put(blocks, "written").await;
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
        assert_eq!(blocks.missing(&[asked.clone(), written]).await.unwrap(), []);
        assert_eq!(blocks.get_kept(&asked).await.unwrap(), "asked");
        assert!(!at.has(&format!("{YOUNG}/{asked}")));
    }

    async fn damaged_blocks_go_when_they_are_old_and_what_is_not_ours_stays(at: Fixture) {
        let blocks = &at.blocks;
        let damaged = put(blocks, "damaged").await;
        at.damage(&damaged, "demaged");
        blocks.get(&damaged).await.unwrap_err();
        let aside = format!("{SET_ASIDE}/{damaged}");
        at.write("README", "mine");
        at.age("README");
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
        at.age(&aside);
        let collected = blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap();
        assert_eq!((collected.blocks, collected.bytes), (0, 7));
        assert!(!at.has(&aside) && at.has("README"));
    }

    async fn one_state_decides_what_is_garbage(at: Fixture) {
        let shared = at.server.is_some();
        assert!(at.blocks.claim("first").await.unwrap());
        assert!(at.again().claim("first").await.unwrap());
        assert_eq!(at.again().claim("second").await.unwrap(), !shared);
        let owner = at.blocks.owner().await.unwrap();
        assert_eq!(owner, shared.then(|| "first".to_owned()));
        at.blocks.adopt("second").await.unwrap();
        assert!(at.again().claim("second").await.unwrap());
    }

    #[tokio::test]
    async fn leftovers_of_crashes_go_when_they_are_old() {
        let (blocks, dir) = store();
        let whole = put(&blocks, "whole").await;
        let upload = path_of(&dir, &whole).display().to_string() + "#1";
        std::fs::write(&upload, "who").unwrap();
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
        assert!(std::fs::exists(&upload).unwrap());
        crate::testing::age(upload.as_ref());
        let collected = blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap();
        assert_eq!((collected.blocks, collected.bytes), (0, 3));
        assert!(!std::fs::exists(&upload).unwrap());
    }
}
