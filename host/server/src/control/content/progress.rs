//! How much of the content is there, in numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_api::{
    blocks::{Digest, FileEntry, MAX_BLOCK},
    bundles::{BundleKind, BundleProgress, ContentProgress},
};
use muster_store::BundleRecord;

/// What stands in the way of blocks and bundles.
#[derive(Debug, Default)]
pub(super) struct Problems {
    blocks: HashMap<Digest, String>,
    bundles: BTreeMap<String, String>,
}

impl Problems {
    pub(super) fn insert(&mut self, block: Digest, why: String) {
        self.blocks.insert(block, why);
    }

    pub(super) fn of_bundle(&mut self, bundle: &str, why: String) {
        self.bundles.insert(bundle.to_owned(), why);
    }
}

/// The blocks of a file and how long each is.
fn blocks_of_file(file: &FileEntry) -> impl Iterator<Item = (Digest, u64)> + '_ {
    let block = MAX_BLOCK as u64;
    (0_u64..).zip(&file.blocks).map(move |(index, digest)| {
        let before = index.saturating_mul(block);
        (digest.clone(), file.size.saturating_sub(before).min(block))
    })
}

/// The blocks of bundles and how long each is; those that occur twice, too.
pub(crate) fn blocks_of<'b>(
    bundles: impl IntoIterator<Item = &'b BundleRecord>,
) -> impl Iterator<Item = (Digest, u64)> {
    let files = bundles.into_iter().flat_map(|bundle| &bundle.files);
    files.flat_map(blocks_of_file)
}

/// How many there are, and their size.
fn sum(blocks: impl IntoIterator<Item = (Digest, u64)>) -> (u64, u64) {
    let each: HashMap<_, _> = blocks.into_iter().collect();
    (each.len() as u64, each.values().sum())
}

/// What this host has of the bundles.
pub(super) fn measure(
    bundles: &[BundleRecord],
    missing: &HashSet<Digest>,
    laid_out: &HashSet<String>,
    problems: &Problems,
) -> ContentProgress {
    let is_missing = |(digest, _): &(Digest, u64)| missing.contains(digest);
    let of = |bundle: &BundleRecord| {
        let (lacks, lacks_bytes) = sum(blocks_of([bundle]).filter(is_missing));
        let laid_out = bundle.kind != BundleKind::Files || laid_out.contains(&bundle.name);
        let why = problems.bundles.get(&bundle.name).or_else(|| {
            let mut blocks = bundle.files.iter().flat_map(|file| &file.blocks);
            blocks.find_map(|digest| problems.blocks.get(digest))
        });
        BundleProgress {
            name: bundle.name.clone(),
            digest: bundle.digest.clone(),
            missing: lacks,
            missing_bytes: lacks_bytes,
            ready: lacks == 0 && laid_out,
            problem: why.cloned(),
        }
    };
    let (blocks, bytes) = sum(blocks_of(bundles));
    let (lacks, lacks_bytes) = sum(blocks_of(bundles).filter(is_missing));
    ContentProgress {
        blocks,
        missing: lacks,
        bytes,
        missing_bytes: lacks_bytes,
        bundles: bundles.iter().map(of).collect(),
    }
}

/// What a follower lacks, as its leader sees it: of a bundle that the follower
/// has not told of in its newest form, everything.
pub(crate) fn against(told: &ContentProgress, bundles: &[BundleRecord]) -> ContentProgress {
    let of = |bundle: &BundleRecord| {
        let mut known = told.bundles.iter();
        let known = known.find(|it| it.name == bundle.name && it.digest == bundle.digest);
        known.cloned().unwrap_or_else(|| {
            let (missing, missing_bytes) = sum(blocks_of([bundle]));
            BundleProgress {
                name: bundle.name.clone(),
                digest: bundle.digest.clone(),
                missing,
                missing_bytes,
                ready: false,
                problem: None,
            }
        })
    };
    let all: Vec<_> = bundles.iter().map(of).collect();
    let (blocks, bytes) = sum(blocks_of(bundles));
    let (missing, missing_bytes) = if all == told.bundles {
        (told.missing, told.missing_bytes)
    } else {
        // A block of several bundles counts for each of them, but there are no
        // more than there are.
        let missing: u64 = all.iter().map(|it| it.missing).sum();
        let missing_bytes: u64 = all.iter().map(|it| it.missing_bytes).sum();
        (missing.min(blocks), missing_bytes.min(bytes))
    };
    ContentProgress {
        blocks,
        missing,
        bytes,
        missing_bytes,
        bundles: all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes(&[number; 32])
    }

    /// A bundle of one file, of one block of each number and a byte more.
    fn bundle(name: &str, numbers: &[u8]) -> BundleRecord {
        let size = (numbers.len() as u64 - 1) * MAX_BLOCK as u64 + 1;
        BundleRecord {
            name: name.to_owned(),
            kind: BundleKind::Files,
            files: vec![FileEntry {
                path: "a".to_owned(),
                size,
                blocks: numbers.iter().map(|number| digest(*number)).collect(),
            }],
            size,
            digest: format!("{numbers:?}"),
            created_at: muster_store::now(),
        }
    }

    const FULL: u64 = MAX_BLOCK as u64;

    #[test]
    fn each_block_is_counted_once_and_each_bundle_for_itself() {
        let bundles = [bundle("a", &[1, 2, 3]), bundle("b", &[1, 4])];
        let mut problems = Problems::default();
        problems.insert(digest(4), "nobody has it".to_owned());
        let missing = HashSet::from([digest(1), digest(4)]);
        let ready = HashSet::from(["a".to_owned()]);
        let content = measure(&bundles, &missing, &ready, &problems);
        assert_eq!((content.blocks, content.bytes), (4, 2 * FULL + 2));
        assert_eq!((content.missing, content.missing_bytes), (2, FULL + 1));
        let told = |it: &BundleProgress| (it.missing, it.missing_bytes, it.ready);
        assert_eq!(told(&content.bundles[0]), (1, FULL, false));
        assert_eq!(told(&content.bundles[1]), (2, FULL + 1, false));
        assert_eq!(content.bundles[0].problem, None);
        assert_eq!(content.bundles[1].problem.as_deref(), Some("nobody has it"));
        assert!(!content.is_synced());

        // Nothing is missing, but not all of it is laid out.
        let content = measure(&bundles, &HashSet::new(), &ready, &Problems::default());
        assert!(content.bundles[0].ready && !content.bundles[1].ready);
        assert!(!content.is_synced());
        let ready = ["a", "b"].map(str::to_owned).into();
        assert!(measure(&bundles, &HashSet::new(), &ready, &Problems::default()).is_synced());
    }

    #[test]
    fn what_a_follower_has_not_heard_of_is_missing_there() {
        let old = [bundle("a", &[1, 2])];
        let ready = HashSet::from(["a".to_owned()]);
        let told = measure(&old, &HashSet::new(), &ready, &Problems::default());
        assert_eq!(against(&told, &old), told);
        let replaced = [bundle("a", &[1, 3])];
        let seen = against(&told, &replaced);
        assert_eq!((seen.missing, seen.missing_bytes), (2, FULL + 1));
        assert!(!seen.is_synced());
        let added = [bundle("a", &[1, 2]), bundle("b", &[2, 4])];
        let seen = against(&told, &added);
        assert_eq!((seen.missing, seen.bundles.len()), (2, 2));
        assert!(seen.bundles[0].ready && !seen.bundles[1].ready);
        assert_eq!(against(&told, &[]), ContentProgress::default());
    }
}
