//! Placing: which host of a group runs which instance. `muster_planner` decides;
//! here its snapshot is made of records, and its plan is kept.

mod snapshot;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use muster_api::id::{AppId, HostId};
use muster_planner::{Plan, Unplaced, plan};
use muster_store::{
    AppRecord, ChangeKind, DropletRecord, PlacementRecord, ReleaseRecord, Store, StoreError,
};

use self::snapshot::Releases;
pub(crate) use self::snapshot::{Places, Site};

/// Places instances, and remembers what found no host.
pub(crate) struct Placing {
    store: Store,
    unplaced: Mutex<HashMap<(AppId, u64), String>>,
}

/// What is to be placed where.
pub(crate) struct Ground<'a> {
    /// The group's hosts, this one too.
    pub(crate) sites: &'a [Site],
    /// All apps.
    pub(crate) apps: &'a [AppRecord],
    /// Their current and next releases.
    pub(crate) releases: &'a [(ReleaseRecord, DropletRecord)],
    /// Where instances run.
    pub(crate) running: &'a Places,
    /// This host.
    pub(crate) host: HostId,
}

impl Placing {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            unplaced: Mutex::default(),
        }
    }

    /// Brings placements to what they should be, and answers with them.
    pub(crate) async fn settle(
        &self,
        ground: &Ground<'_>,
    ) -> Result<Vec<PlacementRecord>, StoreError> {
        let kept = self.store.placement_all().await?;
        let releases = Releases::of(ground);
        let placed = releases.placed(&kept, ground);
        let plan = plan(&releases.snapshot(placed, ground));
        self.remember(&plan, &releases);
        let next = releases.applied(&kept, &plan);
        let before: HashSet<_> = kept.iter().map(key).collect();
        let after: HashSet<_> = next.iter().map(key).collect();
        if before == after {
            return Ok(next);
        }
        let gone: Vec<_> = before.difference(&after).copied().collect();
        let new: Vec<_> = next
            .iter()
            .filter(|it| !before.contains(&key(it)))
            .cloned()
            .collect();
        let touched: BTreeSet<AppId> = gone
            .iter()
            .map(|it| it.0)
            .chain(new.iter().map(|it| it.app))
            .collect();
        let projects: HashMap<AppId, _> = ground
            .apps
            .iter()
            .map(|app| (app.id, app.project))
            .collect();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for (app, release, index, host) in gone {
                        tx.placement_delete(app, release, index, host).await?;
                    }
                    for placement in new {
                        tx.placement_put(&placement).await?;
                    }
                    for app in touched {
                        let project = projects.get(&app).copied();
                        tx.change_append("app", app, ChangeKind::Updated, project)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(next)
    }

    /// Why an instance of a release finds no host, if one does not.
    pub(crate) fn hindrance(&self, app: AppId, release: u64) -> Option<String> {
        let unplaced = self.unplaced.lock();
        let unplaced = unplaced.unwrap_or_else(PoisonError::into_inner);
        unplaced.get(&(app, release)).cloned()
    }

    fn remember(&self, plan: &Plan, releases: &Releases) {
        let mut found = HashMap::new();
        for one in plan.unplaced.iter().filter(is_homeless) {
            if let Some(release) = releases.named(one.release) {
                found.entry(release).or_insert_with(|| one.to_string());
            }
        }
        *self.unplaced.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// Whether it has no place at all. What should only move has one.
fn is_homeless(unplaced: &&Unplaced) -> bool {
    unplaced.meanwhile.is_none()
}

fn key(placement: &PlacementRecord) -> (AppId, u64, u32, HostId) {
    (
        placement.app,
        placement.release,
        placement.index,
        placement.host,
    )
}
