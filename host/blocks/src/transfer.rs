//! Blocks on their way from one place to another.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use muster_api::blocks::Digest;
use object_store::ObjectStoreExt;

use crate::{
    blocks::{Blocks, Home, blocking, location},
    digest,
    error::BlocksError,
    garbage::{Kind, kind},
    local,
    place::{Credentials, Place},
};

/// How many blocks are on their way at the same time.
const AT_ONCE: usize = 8;

/// How many blocks there are, and how many bytes they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub blocks: u64,
    /// Of how many bytes.
    pub bytes: u64,
}

/// What a move is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Copying what the other place lacks.
    Copying,
    /// Reading back what the other place has.
    Verifying,
}

/// What came of a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// What is in the other place now.
    pub totals: Totals,
    /// How many of these had to be copied.
    pub copied: u64,
    /// Blocks that were damaged where they were, and nothing needs: they stayed
    /// behind.
    pub left: Vec<Digest>,
}

/// A move to another place. What was copied stays copied if it ends early, and
/// the next one to the same place goes on from there.
#[derive(Debug)]
pub struct Moving {
    blocks: Blocks,
    to: Arc<Home>,
    /// What was read back from there.
    verified: HashSet<Digest>,
    moved: Moved,
}

impl Blocks {
    /// How much there is where blocks are kept. Takes a look at every one.
    ///
    /// # Errors
    /// If the directory could not be read, or [`BlocksError::Away`].
    pub async fn totals(&self) -> Result<Totals, BlocksError> {
        let all = list(self, &self.inner.home.load_full()).await?;
        Ok(Totals {
            blocks: all.len() as u64,
            bytes: all.values().sum(),
        })
    }

    /// Prepares to move to another place, and checks that it takes blocks and
    /// gives them back.
    ///
    /// # Errors
    /// [`BlocksError::Away`], [`BlocksError::Same`].
    pub async fn moving(
        &self,
        place: Place,
        credentials: &Credentials,
    ) -> Result<Moving, BlocksError> {
        if place == self.place() {
            return Err(BlocksError::Same);
        }
        let to = Home::new(place, credentials)?;
        if let Some(remote) = &to.remote {
            remote.now().await?;
        }
        Ok(Moving {
            blocks: self.clone(),
            to: Arc::new(to),
            verified: HashSet::new(),
            moved: Moved::default(),
        })
    }
}

impl Moving {
    /// Copies every block and reads it back, again until there are no new ones,
    /// then has the store keep its blocks there, once `settle` has written down
    /// that it does. Nothing is kept in between. `live` are the blocks that are
    /// needed: the others may be damaged. `told` hears of each block: what is
    /// done, how many of how many.
    ///
    /// May be dropped at any time; nothing has changed then.
    ///
    /// # Errors
    /// [`BlocksError::Corrupt`] if a block is damaged that is needed,
    /// [`BlocksError::Away`], [`BlocksError::NoSpace`], what `settle` says.
    pub async fn run(
        mut self,
        live: &HashSet<Digest>,
        told: &(dyn Fn(Step, u64, u64) + Sync),
        settle: impl Future<Output = Result<(), BlocksError>>,
    ) -> Result<Moved, BlocksError> {
        // While the store is local files, the cache does not count; on the way to
        // local files, what was fetched must stay.
        if self.to.remote.is_none() {
            self.blocks.inner.cache.set_limit(u64::MAX);
        }
        let done = self.try_run(live, told, settle).await;
        if done.is_err() {
            self.blocks.inner.cache.set_limit(self.blocks.inner.room);
        }
        done
    }

    async fn try_run(
        &mut self,
        live: &HashSet<Digest>,
        told: &(dyn Fn(Step, u64, u64) + Sync),
        settle: impl Future<Output = Result<(), BlocksError>>,
    ) -> Result<Moved, BlocksError> {
        // What is written meanwhile comes with the next round; the last one, with
        // everybody waiting, finds little.
        for _ in 0..3 {
            if self.round(live, told).await? == 0 {
                break;
            }
        }
        let blocks = self.blocks.clone();
        let _nobody_writes = blocks.removal().write().await;
        self.round(live, told).await?;
        settle.await?;
        let inner = &blocks.inner;
        inner.home.store(Arc::clone(&self.to));
        if self.to.remote.is_some() {
            blocks.begin_cache()?;
        }
        Ok(std::mem::take(&mut self.moved))
    }

    /// Copies what is not there yet and verifies what was not yet. Says how many
    /// blocks that were.
    async fn round(
        &mut self,
        live: &HashSet<Digest>,
        told: &(dyn Fn(Step, u64, u64) + Sync),
    ) -> Result<u64, BlocksError> {
        let from = self.blocks.inner.home.load_full();
        let here = list(&self.blocks, &from).await?;
        let there = list(&self.blocks, &self.to).await?;
        let left: HashSet<_> = self.moved.left.iter().cloned().collect();
        let lacking = here
            .iter()
            .filter(|(digest, size)| there.get(*digest) != Some(*size) && !left.contains(*digest));
        let lacking: Vec<_> = lacking.map(|(digest, _)| digest.clone()).collect();
        let (copied, total) = (AtomicU64::new(0), lacking.len() as u64);
        let (blocks, to) = (&self.blocks, &self.to);
        let copies = stream::iter(lacking).map(|digest| {
            let from = &from;
            let copied = &copied;
            async move {
                let whole = copy(blocks, from, to, &digest).await?;
                told(
                    Step::Copying,
                    copied.fetch_add(1, Ordering::Relaxed) + 1,
                    total,
                );
                Ok::<_, BlocksError>((!whole).then_some(digest))
            }
        });
        let damaged: Vec<_> = copies.buffer_unordered(AT_ONCE).try_collect().await?;
        let damaged: Vec<_> = damaged.into_iter().flatten().collect();
        if let Some(needed) = damaged.iter().find(|digest| live.contains(*digest)) {
            return Err(BlocksError::Corrupt(needed.clone()));
        }
        self.moved.copied += total - damaged.len() as u64;
        self.moved.left.extend(damaged);

        let stayed: HashSet<_> = self.moved.left.iter().collect();
        let unverified = here
            .keys()
            .filter(|digest| !self.verified.contains(*digest) && !stayed.contains(digest));
        let unverified: Vec<_> = unverified.cloned().collect();
        let (read, count) = (AtomicU64::new(0), unverified.len() as u64);
        let (blocks, to) = (&self.blocks, &self.to);
        let reads = stream::iter(unverified).map(|digest| {
            let (from, read) = (&from, &read);
            async move {
                if read_whole(blocks, to, &digest).await?.is_none() {
                    // Damaged there: once more, from here.
                    let whole = copy(blocks, from, to, &digest).await?
                        && read_whole(blocks, to, &digest).await?.is_some();
                    if !whole {
                        return Err(BlocksError::Corrupt(digest));
                    }
                }
                told(
                    Step::Verifying,
                    read.fetch_add(1, Ordering::Relaxed) + 1,
                    count,
                );
                Ok(digest)
            }
        });
        let verified: Vec<_> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
        for digest in &verified {
            self.moved.totals.blocks += 1;
            self.moved.totals.bytes += here.get(digest).copied().unwrap_or_default();
        }
        self.verified.extend(verified);
        Ok(total + count)
    }
}

/// Every block of a place with its length.
async fn list(blocks: &Blocks, home: &Home) -> Result<HashMap<Digest, u64>, BlocksError> {
    let Some(remote) = &home.remote else {
        let root = blocks.root().to_owned();
        let all = blocking(move || local::blocks(&root)).await?;
        return Ok(all
            .into_iter()
            .map(|(digest, size, _)| (digest, size))
            .collect());
    };
    let mut all = HashMap::new();
    let mut objects = remote.list();
    while let Some(object) = objects.try_next().await? {
        if let Kind::Block(digest) = kind(&object) {
            all.insert(digest, object.size);
        }
    }
    Ok(all)
}

/// Copies a block. False if it is damaged where it comes from.
async fn copy(
    blocks: &Blocks,
    from: &Home,
    to: &Home,
    digest: &Digest,
) -> Result<bool, BlocksError> {
    let Some(bytes) = read_whole(blocks, from, digest).await? else {
        return Ok(false);
    };
    match &to.remote {
        Some(remote) => remote.put(digest, bytes).await?,
        None => {
            let size = bytes.len() as u64;
            blocks
                .inner
                .files
                .put(&location(digest), bytes.into())
                .await?;
            blocks.inner.cache.added(digest, size);
        }
    }
    Ok(true)
}

/// A block's bytes as they are kept in a place; `None` if they are gone or not
/// what its name says.
async fn read_whole(
    blocks: &Blocks,
    home: &Home,
    digest: &Digest,
) -> Result<Option<Bytes>, BlocksError> {
    let Some(remote) = &home.remote else {
        return match blocks.read(digest).await {
            Err(BlocksError::Missing(_)) => Ok(None),
            other => other,
        };
    };
    let Some(bytes) = remote.get(digest).await? else {
        return Ok(None);
    };
    let whole = digest::of_block(bytes.clone()).await? == *digest;
    Ok(whole.then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BUCKET, Fixture, credentials, place, relative, server, store};

    async fn move_to(
        blocks: &Blocks,
        place: Place,
        live: &HashSet<Digest>,
    ) -> Result<Moved, BlocksError> {
        let moving = blocks.moving(place, &credentials()).await?;
        moving.run(live, &|_, _, _| {}, async { Ok(()) }).await
    }

    async fn fill(blocks: &Blocks, numbers: std::ops::Range<u8>) -> Vec<Digest> {
        let mut all = Vec::new();
        for number in numbers {
            let block = Bytes::from(vec![number; 1000]);
            all.push(blocks.put_new(block).await.unwrap());
        }
        all
    }

    #[tokio::test]
    async fn blocks_move_there_and_back() {
        let (blocks, dir) = store();
        let server = server();
        let all = fill(&blocks, 0..20).await;
        let steps = std::sync::Mutex::new(Vec::new());
        let moving = blocks.moving(place(&server), &credentials()).await.unwrap();
        let told = |step, done, total| steps.lock().unwrap().push((step, done, total));
        let moved = moving
            .run(&HashSet::new(), &told, async { Ok(()) })
            .await
            .unwrap();
        let totals = Totals {
            blocks: 20,
            bytes: 20_000,
        };
        assert_eq!((moved.totals, moved.copied), (totals, 20));
        assert_eq!(blocks.totals().await.unwrap(), totals);
        let steps = steps.into_inner().unwrap();
        for step in [Step::Copying, Step::Verifying] {
            assert!(steps.contains(&(step, 20, 20)), "{steps:?}");
        }
        assert_eq!(blocks.place(), place(&server));
        assert_eq!(blocks.cached_state().unwrap().bytes, 0, "no room was given");
        let late = fill(&blocks, 20..21).await;
        for digest in all.iter().chain(&late) {
            assert_eq!(blocks.get(digest).await.unwrap().len(), 1000);
        }
        let same = move_to(&blocks, place(&server), &HashSet::new()).await;
        assert!(matches!(same, Err(BlocksError::Same)));

        let back = move_to(&blocks, Place::Local, &HashSet::new())
            .await
            .unwrap();
        assert_eq!(back.totals.blocks, 21);
        server.go_away();
        let again = Blocks::open(dir.path()).unwrap();
        for digest in all.iter().chain(&late) {
            assert_eq!(again.get(digest).await.unwrap().len(), 1000);
        }
    }

    #[tokio::test]
    async fn a_move_goes_on_where_it_was_and_copies_what_is_damaged_there_anew() {
        let (blocks, _dir) = store();
        let server = server();
        let all = fill(&blocks, 0..10).await;
        {
            let moving = blocks.moving(place(&server), &credentials()).await.unwrap();
            let live = HashSet::new();
            let told = |_, _, _| {};
            let cut = moving.run(&live, &told, async {
                Err(BlocksError::Away {
                    reason: "the database".to_owned(),
                })
            });
            assert!(matches!(cut.await, Err(BlocksError::Away { .. })));
        }
        assert_eq!(blocks.place(), Place::Local, "nothing was written down");
        let key = |digest| format!("{}/{}", crate::testing::PREFIX, relative(digest));
        server.delete(BUCKET, &key(&all[0]));
        let damage: String = std::iter::repeat_n('x', 1000).collect();
        server.put(BUCKET, &key(&all[1]), &damage);
        let moved = move_to(&blocks, place(&server), &HashSet::new())
            .await
            .unwrap();
        assert_eq!((moved.totals.blocks, moved.copied), (10, 1));
        for digest in &all {
            assert_eq!(blocks.get_kept(digest).await.unwrap().len(), 1000);
        }
    }

    #[tokio::test]
    async fn a_damaged_block_that_is_needed_stops_a_move() {
        let at = Fixture::local();
        let server = server();
        let all = fill(&at.blocks, 0..3).await;
        at.damage(&all[1], "damage");
        let live = HashSet::from([all[1].clone()]);
        let stopped = move_to(&at.blocks, place(&server), &live).await;
        assert!(
            matches!(stopped, Err(BlocksError::Corrupt(ref block)) if *block == all[1]),
            "{stopped:?}"
        );
        assert_eq!(at.blocks.place(), Place::Local);
        let moved = move_to(&at.blocks, place(&server), &HashSet::new())
            .await
            .unwrap();
        assert_eq!((moved.totals.blocks, moved.left), (2, vec![all[1].clone()]));
    }
}
