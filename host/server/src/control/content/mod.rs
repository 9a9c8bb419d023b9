//! The content that a group of hosts has in common: each host fetches what it
//! lacks of it, whether it leads, follows or stands alone, and lays files out on
//! its disk. What is here is never fetched again, so that whatever interrupts
//! this costs time alone.

mod layout;
mod progress;
mod spare;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use muster_api::{blocks::Digest, bundles::BundleKind};
use muster_blocks::Blocks;
use muster_store::{BundleRecord, Revisions, Store};
use tokio_util::sync::CancellationToken;

use self::{
    layout::Layout,
    progress::{Problems, measure},
};
pub(crate) use self::{
    progress::{against, blocks_of},
    spare::Spare,
};
use super::{
    error::ControlError,
    linking::{Links, Part},
};
use crate::data_dir::DataDir;

/// How often it is looked anew whether all is still there.
const LOOK_AROUND: Duration = Duration::from_secs(60);
/// How many blocks are fetched at the same time.
const AT_ONCE: usize = 4;
/// After how many failures in a row a round ends.
const PATIENCE: u32 = 3;
/// The shortest and the longest pause after a round that has failed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How often it is noted how far a round has come.
const NOTED: Duration = Duration::from_millis(500);

/// Brings the group's content to this host.
pub(crate) struct Content {
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
    pub(crate) dir: Arc<DataDir>,
}

/// What is remembered from one round to the next.
#[derive(Default)]
struct Memory {
    /// What was to be here when it was last looked.
    known: Arc<Vec<BundleRecord>>,
    /// How many rounds have failed one after the other.
    failures: u32,
    /// What could not be had. It is tried last, so that it holds up nothing.
    hopeless: HashSet<Digest>,
}

impl Content {
    /// Keeps the content complete, until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut revisions = self.store.revisions();
        let mut memory = Memory::default();
        loop {
            let done = tokio::select! {
                done = self.round(&mut memory) => done,
                () = stop.cancelled() => return,
            };
            let wait = match done {
                Ok(true) => {
                    memory.failures = 0;
                    LOOK_AROUND
                }
                Ok(false) => pause(&mut memory),
                Err(error) => {
                    tracing::warn!(%error, "the group's content cannot be looked after; it is tried again");
                    pause(&mut memory)
                }
            };
            tokio::select! {
                () = self.news(&memory.known, &mut revisions) => memory.failures = 0,
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Resolves once other bundles are to be here than those that are known. That
    /// something else has changed cuts no pause short.
    async fn news(&self, known: &[BundleRecord], revisions: &mut Revisions) {
        loop {
            revisions.mark_unchanged();
            let told = self.links.changed();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Ok(now) = wanted(&self.store, &self.links).await
                && now.as_slice() != known
            {
                return;
            }
            tokio::select! {
                _ = revisions.changed() => {}
                () = told => {}
            }
        }
    }

    /// Fetches what is missing and lays it out. Whether all is there then.
    async fn round(&self, memory: &mut Memory) -> Result<bool, ControlError> {
        let bundles = wanted(&self.store, &self.links).await?;
        memory.known = Arc::clone(&bundles);
        let layout = Layout::new(&self.dir, &self.blocks);
        layout.tidy(&bundles).await?;
        let all: Vec<_> = blocks_of(bundles.iter())
            .map(|(digest, _)| digest)
            .collect();
        let mut order = self.blocks.absent(&all).await?;
        order.sort_by_key(|digest| memory.hopeless.contains(digest));
        let mut missing: HashSet<_> = order.iter().cloned().collect();
        let mut problems = Problems::default();
        let mut ready = layout.ready(&bundles);
        let note = |missing: &_, ready: &_, problems: &_, urgent| {
            let content = measure(&bundles, missing, ready, problems);
            self.links.note_content(content, urgent);
        };
        note(&missing, &ready, &problems, !missing.is_empty());
        memory.hopeless.clear();
        let fetched = stream::iter(order).map(|digest| async {
            let had = self.links.have(std::slice::from_ref(&digest)).await;
            (digest, had)
        });
        let mut fetched = std::pin::pin!(fetched.buffer_unordered(AT_ONCE));
        let (mut noted, mut failed) = (Instant::now(), 0);
        while let Some((digest, had)) = fetched.next().await {
            match had {
                Ok(()) => {
                    missing.remove(&digest);
                    failed = 0;
                }
                Err(why) => {
                    memory.hopeless.insert(digest.clone());
                    problems.insert(digest, why);
                    failed += 1;
                    if failed == PATIENCE {
                        break;
                    }
                }
            }
            if noted.elapsed() >= NOTED {
                noted = Instant::now();
                note(&missing, &ready, &problems, false);
                if wanted(&self.store, &self.links).await? != bundles {
                    // What is here stays here; the next round goes on with it.
                    return Ok(true);
                }
            }
        }
        let mut lays = true;
        for bundle in bundles.iter().filter(|it| it.kind == BundleKind::Files) {
            let whole = bundle
                .files
                .iter()
                .all(|file| file.blocks.iter().all(|block| !missing.contains(block)));
            if whole && !ready.contains(&bundle.name) {
                note(&missing, &ready, &problems, false);
                match layout.lay(bundle).await {
                    Ok(()) => {
                        ready.insert(bundle.name.clone());
                    }
                    Err(error) => {
                        tracing::warn!(bundle = bundle.name, %error, "a bundle's files cannot be laid out");
                        problems.of_bundle(&bundle.name, error.to_string());
                        lays = false;
                    }
                }
            }
        }
        layout.tidy(&bundles).await?;
        note(&missing, &ready, &problems, true);
        Ok(missing.is_empty() && lays)
    }
}

/// The bundles that this host is to have: its leader's, or its own, which its
/// followers are told of.
pub(crate) async fn wanted(
    store: &Store,
    links: &Links,
) -> Result<Arc<Vec<BundleRecord>>, ControlError> {
    if let Part::Follows(followed) = links.part().await? {
        return Ok(Arc::clone(&followed.bundles));
    }
    let own = Arc::new(store.bundle_all().await?);
    links.publish_bundles(&own);
    Ok(own)
}

/// Longer with each failure.
fn pause(memory: &mut Memory) -> Duration {
    let (shortest, longest) = PAUSES;
    let pause = shortest.saturating_mul(1 << memory.failures.min(5));
    memory.failures += 1;
    pause.min(longest)
}
