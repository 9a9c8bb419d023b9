//! What this host is to do. While it stands alone or leads, its own store says
//! so; while it follows, what the leader has told last, which it keeps.

use std::{collections::BTreeMap, sync::Arc};

use muster_api::id::{AppId, HostId};
use muster_store::{AppRecord, DropletRecord, PlacementRecord, ReleaseRecord, RouteRecord, Store};

use crate::{
    control::linking::Followed,
    peers::state::{Entrances, Neighbour, Serving},
};

/// What this host is to do.
pub(crate) struct Desired {
    /// All apps, also those that run elsewhere.
    pub(crate) apps: Vec<AppRecord>,
    /// All routes.
    pub(crate) routes: Vec<RouteRecord>,
    /// The hosts of the group.
    pub(crate) hosts: Vec<Neighbour>,
    /// What serves on other hosts.
    pub(crate) elsewhere: Vec<Serving>,
    /// By which hosts requests come in.
    pub(crate) entrances: Entrances,
    /// Where what is to run is described.
    pub(crate) source: Source,
    /// This host's indexes, by app and release; nothing for a host that runs
    /// everything itself.
    shares: Option<BTreeMap<(AppId, u64), Vec<u32>>>,
}

impl Desired {
    /// What a host is to do that runs everything itself.
    pub(crate) fn alone(apps: Vec<AppRecord>, routes: Vec<RouteRecord>) -> Self {
        Self {
            apps,
            routes,
            hosts: Vec::new(),
            elsewhere: Vec::new(),
            entrances: Entrances::default(),
            source: Source::Store,
            shares: None,
        }
    }

    /// What a leader is to do itself.
    pub(crate) fn leading(
        apps: Vec<AppRecord>,
        routes: Vec<RouteRecord>,
        hosts: Vec<Neighbour>,
        elsewhere: Vec<Serving>,
        placements: &[PlacementRecord],
        host: HostId,
    ) -> Self {
        Self {
            hosts,
            elsewhere,
            shares: Some(shares(placements, host)),
            ..Self::alone(apps, routes)
        }
    }

    /// What a follower is to do.
    pub(crate) fn following(followed: &Arc<Followed>, host: HostId) -> Self {
        let state = &followed.state;
        let elsewhere = state.serving.iter().filter(|it| it.host != host);
        Self {
            hosts: state.hosts.clone(),
            elsewhere: elsewhere.cloned().collect(),
            entrances: state.entrances.clone(),
            source: Source::Followed(Arc::clone(followed)),
            shares: Some(shares(&state.placements, host)),
            ..Self::alone(state.apps.clone(), state.routes.clone())
        }
    }

    /// That a host runs everything itself, as placements.
    pub(crate) fn all_here(&self, host: HostId) -> Vec<PlacementRecord> {
        let releases = |app: &AppRecord| [app.current_release, app.next_release];
        let all = self.apps.iter().flat_map(|app| {
            let releases = releases(app).into_iter().flatten();
            releases.flat_map(move |release| {
                (0..app.instances).map(move |index| PlacementRecord {
                    app: app.id,
                    release,
                    index,
                    host,
                    why: String::new(),
                    placed_at: app.updated_at,
                })
            })
        });
        all.collect()
    }

    /// Which instances of an app's release this host is to run.
    pub(crate) fn indexes(&self, app: &AppRecord, release: u64) -> Vec<u32> {
        match &self.shares {
            None => (0..app.instances).collect(),
            Some(shares) => shares.get(&(app.id, release)).cloned().unwrap_or_default(),
        }
    }
}

fn shares(placements: &[PlacementRecord], host: HostId) -> BTreeMap<(AppId, u64), Vec<u32>> {
    let mut shares: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for placement in placements.iter().filter(|it| it.host == host) {
        let share = shares
            .entry((placement.app, placement.release))
            .or_default();
        share.push(placement.index);
    }
    for share in shares.values_mut() {
        share.sort_unstable();
    }
    shares
}

/// Where releases and droplets are described.
#[derive(Clone)]
pub(crate) enum Source {
    /// In this host's store.
    Store,
    /// In what the leader has told.
    Followed(Arc<Followed>),
}

impl Source {
    /// The digest of what the leader has told; empty without one.
    pub(crate) fn digest(&self) -> &str {
        match self {
            Self::Followed(followed) => &followed.digest,
            Self::Store => "",
        }
    }

    /// A release with its droplet.
    pub(crate) async fn release(
        &self,
        store: &Store,
        app: AppId,
        number: u64,
    ) -> Result<(ReleaseRecord, DropletRecord), String> {
        let gone = || format!("release {number} is gone");
        match self {
            Self::Followed(followed) => {
                let mut all = followed.state.releases.iter();
                let found = all.find(|(it, _)| (it.app, it.number) == (app, number));
                found.cloned().ok_or_else(gone)
            }
            Self::Store => {
                let release = store
                    .release_get(app, number)
                    .await
                    .map_err(|error| error.to_string())?;
                let release = release.ok_or_else(gone)?;
                let droplet = store
                    .droplet_get(release.droplet)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok((release, droplet.ok_or_else(gone)?))
            }
        }
    }
}
