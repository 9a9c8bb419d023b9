//! Records in the planner's words, and its plan in records.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_api::{
    apps::DesiredState,
    hosts::{About, Capacity},
    id::{AppId, HostId},
};
use muster_planner::{App, Condition, Constraints, Host, Placement, Plan, Snapshot};
use muster_store::{PlacementRecord, now};
use uuid::Uuid;

use super::Ground;

/// Where instances run: by app, release, index and host.
pub(crate) type Places = HashSet<(AppId, u64, u32, HostId)>;

/// A host, as far as placing goes.
pub(crate) struct Site {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) capacity: Capacity,
    pub(crate) zone: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) condition: Condition,
    pub(crate) runs_apps: bool,
}

impl Site {
    /// A host that says this of itself.
    pub(crate) fn of(id: HostId, name: &str, about: &About, condition: Condition) -> Self {
        Self {
            id,
            name: name.to_owned(),
            capacity: about.capacity,
            zone: about.zone.clone(),
            labels: about.labels.clone(),
            condition,
            runs_apps: about.roles.iter().any(|role| role == "dea"),
        }
    }
}

/// The releases that are to be placed, by the ids that the planner knows.
pub(super) struct Releases {
    apps: Vec<App>,
    known: HashMap<Uuid, (AppId, u64)>,
}

impl Releases {
    pub(super) fn of(ground: &Ground<'_>) -> Self {
        let started: HashMap<AppId, _> = ground
            .apps
            .iter()
            .filter(|app| app.state == DesiredState::Started)
            .map(|app| (app.id, app))
            .collect();
        let mut known = HashMap::new();
        let mut apps = Vec::new();
        for (release, droplet) in &ground.releases {
            let Some(app) = started.get(&release.app) else {
                continue;
            };
            let asked = &release.settings.placement;
            let id = named(release.app, release.number);
            known.insert(id, (release.app, release.number));
            apps.push(App {
                release: id,
                app: app.id.0,
                name: app.name.clone(),
                instances: app.instances,
                memory: asked.memory.0,
                cpu: asked.cpu.into(),
                disk: droplet.size,
                constraints: Constraints {
                    labels: asked.labels.clone(),
                    zones: asked.zones.clone(),
                    one_per_host: asked.one_per_host,
                },
            });
        }
        Self { apps, known }
    }

    /// Which release the planner means.
    pub(super) fn named(&self, release: Uuid) -> Option<(AppId, u64)> {
        self.known.get(&release).copied()
    }

    /// What is placed. A host that has only begun to lead runs what it ran
    /// before, which nobody has written down.
    pub(super) fn placed(&self, kept: &[PlacementRecord], ground: &Ground<'_>) -> Vec<Placement> {
        let mut placed: Vec<Placement> = kept
            .iter()
            .map(|it| Placement {
                release: named(it.app, it.release),
                index: it.index,
                host: it.host.0,
                running: ground
                    .running
                    .contains(&(it.app, it.release, it.index, it.host)),
            })
            .collect();
        // What is written of hosts that are gone says nothing.
        let written: HashSet<(Uuid, u32)> = placed
            .iter()
            .filter(|it| ground.sites.iter().any(|site| site.id.0 == it.host))
            .map(|it| (it.release, it.index))
            .collect();
        let unwritten = ground.running.iter().filter(|(app, release, index, host)| {
            let release = named(*app, *release);
            *host == ground.host
                && self.known.contains_key(&release)
                && !written.contains(&(release, *index))
        });
        placed.extend(unwritten.map(|(app, release, index, host)| Placement {
            release: named(*app, *release),
            index: *index,
            host: host.0,
            running: true,
        }));
        placed
    }

    pub(super) fn snapshot(&self, placed: Vec<Placement>, ground: &Ground<'_>) -> Snapshot {
        let host = |site: &Site| Host {
            id: site.id.0,
            name: site.name.clone(),
            zone: site.zone.clone(),
            labels: site.labels.clone(),
            condition: site.condition,
            runs_apps: site.runs_apps,
            memory: site.capacity.memory.0,
            cpu: site.capacity.cpu,
            disk: site.capacity.disk.0,
        };
        Snapshot {
            hosts: ground.sites.iter().map(host).collect(),
            apps: self.apps.clone(),
            placed,
        }
    }

    /// What is placed once the plan is carried out.
    pub(super) fn applied(&self, kept: &[PlacementRecord], plan: &Plan) -> Vec<PlacementRecord> {
        let known: HashMap<_, _> = kept
            .iter()
            .map(|it| {
                let key = (named(it.app, it.release), it.index, it.host.0);
                (key, it)
            })
            .collect();
        let at = now();
        let record = |placement: &Placement, why: String| {
            let (app, release) = self.named(placement.release)?;
            Some(PlacementRecord {
                app,
                release,
                index: placement.index,
                host: HostId(placement.host),
                why,
                placed_at: at,
            })
        };
        let stays =
            plan.stays
                .iter()
                .filter_map(|it| match known.get(&(it.release, it.index, it.host)) {
                    Some(known) => Some((*known).clone()),
                    None => record(it, "it ran there before".to_owned()),
                });
        let starts = plan
            .starts
            .iter()
            .filter_map(|it| record(&it.placement, it.why.to_string()));
        stays.chain(starts).collect()
    }
}

/// A release's id for the planner: its app's, with its number mixed in.
fn named(app: AppId, release: u64) -> Uuid {
    Uuid::from_u128(app.0.as_u128() ^ u128::from(release))
}
