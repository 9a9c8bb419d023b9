//! Whether every block that something needs is there and right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};
use muster_api::{
    blocks::{BlocksVerify, Digest, FileEntry},
    problem::{FieldProblem, Problem},
};
use muster_blocks::BlocksError;
use muster_store::Store;

use super::BlockStorage;
use crate::control::{
    error::ControlError,
    jobs::problem,
    linking::Links,
    works::{Desk, failed},
};

/// How many blocks are read at the same time.
const AT_ONCE: usize = 8;
/// How many blocks a problem lists; the log has all.
const LISTED: usize = 100;

/// Which blocks are needed, and by what.
pub(super) async fn uses(
    store: &Store,
    links: &Links,
) -> Result<BTreeMap<Digest, BTreeSet<String>>, ControlError> {
    let mut uses = store.block_uses().await?;
    // What runs here for a leader is in no table of this host.
    let followed = links.followed();
    let mut add = |file: &FileEntry, by: &str| {
        for block in &file.blocks {
            uses.entry(block.clone()).or_default().insert(by.to_owned());
        }
    };
    for (_, droplet) in &followed.state.releases {
        let by = format!("the group's droplet {}", droplet.id);
        for file in std::iter::once(&droplet.component).chain(&droplet.files) {
            add(file, &by);
        }
    }
    for bundle in followed.bundles.iter() {
        let by = format!("the group's bundle {}", bundle.name);
        for file in &bundle.files {
            add(file, &by);
        }
    }
    Ok(uses)
}

/// What is wrong with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Damaged,
}

impl BlockStorage {
    /// Reads every block that is needed, where it is kept.
    pub(crate) async fn carry_out_verify(
        &self,
        asked: BlocksVerify,
        desk: &Arc<Desk>,
    ) -> Result<String, Problem> {
        let done = self.try_verify(&asked, desk).await;
        let (count, faults) = done.map_err(|error| failed(&error))?;
        if faults.is_empty() {
            return Ok(format!(
                "{count} blocks are needed; all are there and right"
            ));
        }
        let detail = format!("{} of {count} blocks that are needed", faults.len());
        let remedy = match asked.repair {
            false => "fetch them from other hosts with: muster blocks verify --repair",
            true => "push the apps and put the bundles anew that need them",
        };
        let mut found = problem(
            "blocks-damaged",
            "Blocks are missing or damaged",
            detail,
            Some(remedy.to_owned()),
        );
        found.fields = faults.into_iter().take(LISTED).collect();
        Err(found)
    }

    async fn try_verify(
        &self,
        asked: &BlocksVerify,
        desk: &Arc<Desk>,
    ) -> Result<(u64, Vec<FieldProblem>), ControlError> {
        let uses = uses(&self.store, &self.links).await?;
        let (total, done) = (uses.len() as u64, AtomicU64::new(0));
        let read = stream::iter(uses).map(|(block, by)| {
            let done = &done;
            async move {
                let fault = self.fault(&block).await?;
                desk.note("reading", done.fetch_add(1, Ordering::Relaxed) + 1, total);
                Ok::<_, ControlError>((block, by, fault))
            }
        });
        let mut read = std::pin::pin!(read.buffer_unordered(AT_ONCE));
        let mut faults = Vec::new();
        while let Some((block, by, fault)) = read.try_next().await? {
            let Some(fault) = fault else { continue };
            let what = match fault {
                Fault::Missing => "missing",
                Fault::Damaged => "damaged",
            };
            let by: Vec<_> = by.into_iter().collect();
            let mut said = format!("{what}; needed by {}", by.join(", "));
            let mut repaired = false;
            if asked.repair {
                match self.repair(&block).await {
                    Ok(()) => {
                        repaired = true;
                        said.push_str("; repaired");
                    }
                    Err(why) => said.push_str(&format!("; not repaired: {why}")),
                }
            }
            desk.say(format!("{block} is {said}")).await?;
            if !repaired {
                faults.push(FieldProblem {
                    field: block.to_string(),
                    message: said,
                });
            }
        }
        Ok((total, faults))
    }

    async fn fault(&self, block: &Digest) -> Result<Option<Fault>, ControlError> {
        match self.blocks.get_kept(block).await {
            Ok(_) => Ok(None),
            Err(BlocksError::Missing(_)) => Ok(Some(Fault::Missing)),
            Err(BlocksError::Corrupt(_)) => Ok(Some(Fault::Damaged)),
            Err(error) => Err(error.into()),
        }
    }

    /// Has a block from the cache, or from other hosts, and keeps it.
    async fn repair(&self, block: &Digest) -> Result<(), String> {
        let bytes = match self.blocks.get(block).await {
            Ok(bytes) => bytes,
            Err(_) => self.links.block_from_others(block).await?,
        };
        let kept = self.blocks.put(block, bytes).await;
        kept.map_err(|error| error.to_string())
    }
}
