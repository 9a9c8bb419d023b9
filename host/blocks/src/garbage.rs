//! Garbage: blocks that nothing refers to any more.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use futures::TryStreamExt;
use muster_api::blocks::Digest;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::{
    blocks::{Blocks, SET_ASIDE, blocking, location},
    error::BlocksError,
    local,
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
    /// # Errors
    /// If the directory could not be read or written; what was removed stays so.
    pub async fn collect_garbage(
        &self,
        live: HashSet<Digest>,
        min_age: Duration,
    ) -> Result<Collected, BlocksError> {
        // A time in the future is a clock that was set back: not old.
        let is_old = move |modified: SystemTime| modified.elapsed().is_ok_and(|age| age >= min_age);
        let mut collected = Collected::default();
        let mut objects = self.objects().list(None);
        while let Some(object) = objects.try_next().await? {
            let garbage = match kind(&object) {
                Kind::Block(digest) => !live.contains(&digest),
                Kind::SetAside => true,
                Kind::Foreign => false,
            };
            if garbage
                && is_old(object.last_modified.into())
                && self.remove(&object, is_old).await?
            {
                collected.blocks += u64::from(matches!(kind(&object), Kind::Block(_)));
                collected.bytes += object.size;
            }
        }
        let root = self.root().to_owned();
        collected.bytes += blocking(move || local::sweep(&root, is_old)).await?;
        Ok(collected)
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

/// What an object in the store's directory is.
enum Kind {
    Block(Digest),
    SetAside,
    /// Not ours to touch.
    Foreign,
}

fn kind(object: &ObjectMeta) -> Kind {
    let path = &object.location;
    let digest = path.filename().and_then(|name| Digest::parse(name).ok());
    match digest {
        Some(digest) if location(&digest) == *path => Kind::Block(digest),
        Some(_)
            if path
                .parts()
                .next()
                .is_some_and(|part| part.as_ref() == SET_ASIDE) =>
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
    use crate::testing::{age, path_of, store};

    const HOUR: Duration = Duration::from_secs(3600);

    async fn put(blocks: &Blocks, content: &'static str) -> Digest {
        blocks
            .put_new(Bytes::from_static(content.as_bytes()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn old_blocks_without_references_go_and_others_stay() {
        let (blocks, dir) = store();
        let [live, young, old] = [
            put(&blocks, "live").await,
            put(&blocks, "young").await,
            put(&blocks, "old").await,
        ];
        age(&path_of(&dir, &live));
        age(&path_of(&dir, &old));
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
        assert_eq!(
            blocks.missing(&[live, young, old.clone()]).await.unwrap(),
            [old]
        );
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
    }

    #[tokio::test]
    async fn a_block_that_somebody_asked_for_is_young_again() {
        let (blocks, dir) = store();
        let [asked, written] = [put(&blocks, "asked").await, put(&blocks, "written").await];
        age(&path_of(&dir, &asked));
        age(&path_of(&dir, &written));
        assert_eq!(
            blocks.missing(std::slice::from_ref(&asked)).await.unwrap(),
            []
        );
        put(&blocks, "written").await;
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
        assert_eq!(blocks.missing(&[asked, written]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn leftovers_of_crashes_and_damage_go_when_they_are_old() {
        let (blocks, dir) = store();
        let damaged = put(&blocks, "damaged").await;
        std::fs::write(path_of(&dir, &damaged), "demaged").unwrap();
        blocks.get(&damaged).await.unwrap_err();
        let aside = dir.path().join(SET_ASIDE).join(damaged.as_str());
        let upload = path_of(&dir, &damaged)
            .with_extension("")
            .display()
            .to_string()
            + "#1";
        std::fs::write(&upload, "dam").unwrap();
        let foreign = dir.path().join("README");
        std::fs::write(&foreign, "mine").unwrap();
        age(&foreign);
        assert_eq!(
            blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap(),
            Collected::default()
        );
        assert!(aside.exists() && std::fs::exists(&upload).unwrap());

        age(&aside);
        age(upload.as_ref());
        let collected = blocks.collect_garbage(HashSet::new(), HOUR).await.unwrap();
        assert_eq!(
            collected,
            Collected {
                blocks: 0,
                bytes: 10
            }
        );
        assert!(!aside.exists() && !std::fs::exists(&upload).unwrap() && foreign.exists());
    }
}
