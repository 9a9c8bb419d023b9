//! Which blocks lie in local files in front of a store elsewhere, and which of
//! them have to go when there are too many.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use muster_api::blocks::Digest;

/// What of a full cache is kept when room is made, in percent: so that not every
/// new block has to make room.
const KEPT: u64 = 90;

/// An index of blocks by when they were last used.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    entries: HashMap<Digest, Entry>,
    by_use: BTreeMap<u64, Digest>,
    bytes: u64,
    uses: u64,
    limit: u64,
}

#[derive(Debug)]
struct Entry {
    size: u64,
    used: u64,
}

/// How much lies in the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cached {
    /// How many blocks.
    pub blocks: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many they may have.
    pub limit: u64,
}

impl Cache {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew with these blocks, the one that was used longest ago first.
    /// Says which are too many.
    pub(crate) fn begin(&self, limit: u64, blocks: Vec<(Digest, u64)>) -> Vec<Digest> {
        let mut index = self.index();
        *index = Index {
            limit,
            ..Index::default()
        };
        for (digest, size) in blocks {
            index.add(digest, size);
        }
        index.make_room()
    }

    /// A block was written. Says which others have to go for it.
    pub(crate) fn added(&self, digest: &Digest, size: u64) -> Vec<Digest> {
        let mut index = self.index();
        index.add(digest.clone(), size);
        index.make_room()
    }

    /// Whether a block is there. It counts as used then.
    pub(crate) fn used(&self, digest: &Digest) -> bool {
        let mut index = self.index();
        match index.entries.get(digest).map(|entry| entry.size) {
            Some(size) => {
                index.add(digest.clone(), size);
                true
            }
            None => false,
        }
    }

    /// A block is gone.
    pub(crate) fn removed(&self, digest: &Digest) {
        self.index().remove(digest);
    }

    /// Sets how many bytes there may be from now on.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.index().limit = limit;
    }

    /// How much there is.
    pub(crate) fn state(&self) -> Cached {
        let index = self.index();
        Cached {
            blocks: index.entries.len() as u64,
            bytes: index.bytes,
            limit: index.limit,
        }
    }
}

impl Index {
    fn add(&mut self, digest: Digest, size: u64) {
        self.remove(&digest);
        self.uses += 1;
        self.bytes += size;
        self.by_use.insert(self.uses, digest.clone());
        let used = self.uses;
        self.entries.insert(digest, Entry { size, used });
    }

    fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.remove(digest) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.size;
        }
    }

    fn make_room(&mut self) -> Vec<Digest> {
        let mut gone = Vec::new();
        if self.bytes <= self.limit {
            return gone;
        }
        let goal = self.limit / 100 * KEPT;
        while self.bytes > goal {
            let Some((_, digest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(&digest);
            gone.push(digest);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(number: u8) -> Digest {
        Digest::from_bytes(&[number; 32])
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = Cache::default();
        let many = (0..4).map(|n| (block(n), 100)).collect();
        assert_eq!(cache.begin(400, many), []);
        assert!(cache.used(&block(0)) && !cache.used(&block(9)));
        assert_eq!(cache.added(&block(4), 50), [block(1)]);
        assert_eq!(
            cache.state(),
            Cached {
                blocks: 4,
                bytes: 350,
                limit: 400
            }
        );
        cache.removed(&block(0));
        assert!(!cache.used(&block(0)));
        assert_eq!(cache.added(&block(5), 1000).len(), 4, "even itself");
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_its_blocks_and_within_the_limit(
            limit in 0..1000_u64,
            steps in prop::collection::vec((0..3_u8, 0..20_u8, 0..300_u64), 0..100),
        ) {
            let cache = Cache::default();
            cache.begin(limit, Vec::new());
            for (what, number, size) in steps {
                match what {
                    0 => drop(cache.added(&block(number), size)),
                    1 => drop(cache.used(&block(number))),
                    _ => cache.removed(&block(number)),
                }
                let index = cache.index();
                let sum: u64 = index.entries.values().map(|entry| entry.size).sum();
                prop_assert_eq!(sum, index.bytes);
                prop_assert_eq!(index.entries.len(), index.by_use.len());
                prop_assert!(index.bytes <= limit);
            }
        }
    }
}
