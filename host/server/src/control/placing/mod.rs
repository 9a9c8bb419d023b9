//! Placing: which host of a group runs which instance. `muster_planner` decides;
//! here its snapshot is made of records, and its plan is kept.

mod draining;
mod snapshot;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use muster_api::id::{AppId, HostId};
use muster_planner::{Condition, Plan, Unplaced, plan};
use muster_store::{
    AppRecord, ChangeKind, DropletRecord, PlacementRecord, ReleaseRecord, Store, StoreError,
};

pub(crate) use self::snapshot::Site;
use self::snapshot::{Places, Releases};
use super::{
    clusters,
    linking::{Links, Member},
};
use crate::{agent::fleet::Fleet, roles::Roles};

/// Places instances, and remembers what found no host.
#[derive(Clone)]
pub(crate) struct Placing {
    pub(crate) store: Store,
    pub(crate) links: Links,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) roles: Arc<Roles>,
    pub(crate) unplaced: Arc<Mutex<HashMap<(AppId, u64), String>>>,
}

/// What is to be placed where.
pub(crate) struct Ground<'a> {
    /// The group's hosts, this one too.
    sites: Vec<Site>,
    /// All apps.
    apps: &'a [AppRecord],
    /// Their current and next releases.
    releases: Vec<(ReleaseRecord, DropletRecord)>,
    /// Where instances run.
    running: Places,
    /// This host.
    host: HostId,
}

impl Placing {
    /// Brings placements to what they should be, and answers with them.
    pub(crate) async fn settle(
        &self,
        members: &[Member],
        apps: &[AppRecord],
    ) -> Result<Vec<PlacementRecord>, StoreError> {
        let draining = self.links.draining().await?;
        let ground = &self.ground(members, apps, &draining).await?;
        let kept = self.store.placement_all().await?;
        let releases = Releases::of(ground);
        let placed = releases.placed(&kept, ground);
        let plan = plan(&releases.snapshot(placed, ground));
        self.remember(&plan, &releases, ground);
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

    async fn ground<'a>(
        &self,
        members: &[Member],
        apps: &'a [AppRecord],
        draining: &[HostId],
    ) -> Result<Ground<'a>, StoreError> {
        let chosen = clusters::chosen(&self.store).await?;
        let outside = |id| chosen.as_ref().is_some_and(|chosen| !chosen.contains(&id));
        let condition = |id, lost: bool| {
            if lost {
                Condition::Lost
            } else if draining.contains(&id) || outside(id) {
                Condition::Draining
            } else {
                Condition::Ready
            }
        };
        let mut here = self.links.site(condition(self.fleet.host, false)).await;
        if self.roles.evacuating() {
            here.condition = Condition::Draining;
        }
        let mut sites = vec![here];
        sites.extend(members.iter().map(|member| {
            let it = &member.neighbour;
            let condition = condition(it.id, member.lost);
            Site::of(it.id, &it.name, &member.about, condition)
        }));
        Ok(Ground {
            sites,
            apps,
            releases: self.store.release_wanted().await?,
            running: self.fleet.places(),
            host: self.fleet.host,
        })
    }

    /// Why an instance of a release finds no host, if one does not.
    pub(crate) fn hindrance(&self, app: AppId, release: u64) -> Option<String> {
        let unplaced = self.unplaced.lock();
        let unplaced = unplaced.unwrap_or_else(PoisonError::into_inner);
        unplaced.get(&(app, release)).cloned()
    }

    /// A host that stands alone has nothing to place.
    pub(crate) fn forget(&self) {
        let unplaced = self.unplaced.lock();
        unplaced.unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn remember(&self, plan: &Plan, releases: &Releases, ground: &Ground<'_>) {
        let lost = |host| {
            let mut sites = ground.sites.iter();
            sites.any(|site| site.id.0 == host && site.condition == Condition::Lost)
        };
        // What should only move has a place; what is on a lost host has none.
        let is_homeless =
            |one: &&Unplaced| one.meanwhile.is_none_or(|placement| lost(placement.host));
        let mut found = HashMap::new();
        for one in plan.unplaced.iter().filter(is_homeless) {
            if let Some(release) = releases.named(one.release) {
                found.entry(release).or_insert_with(|| one.to_string());
            }
        }
        *self.unplaced.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

fn key(placement: &PlacementRecord) -> (AppId, u64, u32, HostId) {
    (
        placement.app,
        placement.release,
        placement.index,
        placement.host,
    )
}
