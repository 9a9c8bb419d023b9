//! What piles up is cleared away: blocks that nothing names, files of droplets
//! that are gone, expired tokens, answers to requests of yesterday, jobs that
//! ended long ago, old entries of the change log and of the audit log.

use std::{fs, sync::Arc, time::Duration};

use muster_api::{config::jobs::JobsConfig, id::DropletId};
use muster_store::Store;
use tokio_util::sync::CancellationToken;

use super::{
    audit,
    block_storage::BlockStorage,
    config::Config,
    error::ControlError,
    jobs,
    leadership::Leadership,
    linking::{Followed, Links},
    queues::KEPT_DEAD,
};
use crate::{data_dir::DataDir, http::idempotency::KEPT_FOR, peers::state::GroupState};

const INTERVAL: Duration = Duration::from_secs(3600);
/// Uploads may take this long before their push arrives.
const YOUNG: Duration = Duration::from_secs(24 * 3600);
/// How long keys are shown that have ended.
const KEPT_KEYS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many entries of the change log are kept.
const KEPT_CHANGES: u64 = 10_000;

/// Clears away.
pub(crate) struct Housekeeping {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) block_storage: BlockStorage,
    pub(crate) links: Links,
    pub(crate) dir: Arc<DataDir>,
    pub(crate) leadership: Leadership,
}

impl Housekeeping {
    /// Clears away now and every hour, until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.clear().await {
                tracing::warn!(%error, "housekeeping failed; it is tried again in an hour");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn clear(&self) -> Result<(), ControlError> {
        forget(&self.store).await?;
        audit::prune(&self.store, &self.config.get()).await?;
        let kept: JobsConfig = self.config.get();
        jobs::prune(&self.store, kept.keep_days).await?;
        let followed = self.links.followed();
        if self.collects().await {
            self.collect(&followed).await?;
        }
        remove_orphans(&self.store, &followed.state, &self.dir).await
    }

    /// Whether it falls to this host to remove blocks.
    async fn collects(&self) -> bool {
        match self.block_storage.collects().await {
            Ok(collects) => collects,
            Err(error) => {
                tracing::warn!(%error, "unused blocks stay for now");
                false
            }
        }
    }

    async fn collect(&self, followed: &Followed) -> Result<(), ControlError> {
        let _alone = self.block_storage.collecting.write().await;
        let mut live = self.store.live_blocks().await?;
        // What this host needs to lead in its turn; if that cannot be known now,
        // nothing is unused.
        if self.links.stands_by() {
            let Some(shared) = self.leadership.look().await else {
                return Ok(());
            };
            live.extend(shared.live_blocks().await?);
        }
        // What runs here for the group is in no table of this host.
        for (_, droplet) in &followed.state.releases {
            let files = std::iter::once(&droplet.component).chain(&droplet.files);
            live.extend(files.flat_map(|file| file.blocks.clone()));
        }
        for bundle in followed.bundles.iter() {
            live.extend(bundle.files.iter().flat_map(|file| file.blocks.clone()));
        }
        let freed = self
            .block_storage
            .blocks
            .collect_garbage(live, YOUNG)
            .await?;
        if freed.blocks > 0 {
            tracing::info!(
                blocks = freed.blocks,
                bytes = freed.bytes,
                "unused blocks were removed"
            );
        }
        Ok(())
    }
}

/// Forgets what has expired.
async fn forget(store: &Store) -> Result<(), ControlError> {
    let now = muster_store::now();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.refresh_token_expired_delete(now).await?;
                tx.idempotency_expired_delete(now - KEPT_FOR).await?;
                tx.session_expired_delete(now).await?;
                tx.ticket_expired_delete(now).await?;
                tx.reservation_expired_delete(now).await?;
                tx.access_key_gone_delete(now - KEPT_KEYS).await?;
                // A push that waits for the stager still needs its package.
                let waiting = tx.job_list_unfinished().await?;
                if waiting.iter().all(|job| job.kind != "push") {
                    tx.package_delete_unused(now - YOUNG).await?;
                }
                tx.message_dead_delete(now - KEPT_DEAD).await?;
                tx.change_prune(KEPT_CHANGES).await?;
                Ok(())
            })
        })
        .await?;
    Ok(())
}

/// Removes the files of droplets that are no more.
async fn remove_orphans(
    store: &Store,
    group: &GroupState,
    dir: &DataDir,
) -> Result<(), ControlError> {
    let Ok(entries) = fs::read_dir(dir.droplets()) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.parse::<DropletId>().ok());
        let known = match id {
            Some(id) => {
                let mut followed = group.releases.iter();
                followed.any(|(_, it)| it.id == id) || store.droplet_get(id).await?.is_some()
            }
            // Left over by a write that was cut short, if it is old.
            None => entry
                .metadata()
                .and_then(|data| data.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age < YOUNG)),
        };
        if !known {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
