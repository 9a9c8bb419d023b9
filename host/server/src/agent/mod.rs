//! The agent makes this host match what control wants. It looks at everything
//! anew each time: a lost wake-up costs time, never truth.

pub(crate) mod balancing;
mod desired;
pub(crate) mod fleet;
mod health;
pub(crate) mod instances;
pub(crate) mod neighbours;
mod publish;
mod rollout;
mod settle;
pub(crate) mod starter;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use muster_api::apps::DesiredState;
use muster_engine::plugin::execution::{Action, Desired as Wanted, Share, Snapshot};
use muster_ingress::{Backends, RouteTable};
use muster_store::{AppRecord, PlacementRecord, Store, StoreError};
use tokio_util::sync::CancellationToken;

use self::{
    balancing::Balancing, desired::Desired, fleet::Fleet, neighbours::Neighbours, starter::Starter,
};
use crate::{
    control::{
        error::ControlError,
        linking::{Links, Part},
        placing::Placing,
        rollouts,
    },
    logs::Logs,
    peers::state::GroupState,
    roles::Roles,
};

/// How long the agent waits when nothing happens.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// How often a leader looks whether a host has fallen silent.
const WATCH: Duration = Duration::from_millis(500);
/// The shortest pause between two rounds, so that a burst of changes is one.
const PAUSE: Duration = Duration::from_millis(5);

/// What the agent works with.
pub(crate) struct Agent {
    pub(crate) store: Store,
    pub(crate) roles: Arc<Roles>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) links: Links,
    pub(crate) placing: Placing,
    pub(crate) neighbours: Neighbours,
    pub(crate) starter: Starter,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) balancing: Arc<Balancing>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) started: Instant,
}

impl Agent {
    /// Works until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut revisions = self.store.revisions();
        loop {
            revisions.mark_unchanged();
            let changed = self.fleet.here.changed();
            let told = self.fleet.changed();
            let group = self.links.changed();
            tokio::pin!(changed, told, group);
            changed.as_mut().enable();
            told.as_mut().enable();
            group.as_mut().enable();
            let wait = match self.round().await {
                Ok(again) => again.unwrap_or(LOOK_AROUND).min(LOOK_AROUND),
                Err(error) => {
                    tracing::error!(%error, "the agent cannot read what should run; apps go on as they are");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                _ = revisions.changed() => {}
                () = changed => {}
                () = told => {}
                () = group => {}
                () = self.roles.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One look at what should be and what is. Says when to look again.
    async fn round(&self) -> Result<Option<Duration>, ControlError> {
        let logged = self.logs.apps();
        let part = self.links.part().await?;
        self.roles.keeps_state(!matches!(part, Part::Follows(_)));
        let (mut desired, placements) = self.desired(&part).await?;
        self.forget_logs(&logged, &desired.apps);
        self.publish(&desired)?;
        let mut again = self.decide(&mut desired).await?;
        self.publish(&desired)?;
        if matches!(part, Part::Follows(_)) {
            return Ok(again);
        }
        let has_dea = self.roles.has_dea();
        match &part {
            Part::Leads(members) => {
                rollout::elsewhere(self, &mut desired, &placements).await?;
                self.publish(&desired)?;
                // A leader that has just started does not know yet what serves;
                // followers go on with what they were told before.
                if self.fleet.knows(&Links::heard_of(members)) {
                    self.tell(&desired, placements).await?;
                }
                // A host that falls silent wakes nobody.
                again = Some(again.unwrap_or(WATCH).min(WATCH));
            }
            _ if !has_dea => self.give_up_rollouts(&desired.apps).await?,
            Part::Alone if self.links.works_elsewhere() => {
                self.tell(&desired, desired.all_here(self.fleet.host))
                    .await?;
            }
            _ => {}
        }
        let grounds = settle::Grounds {
            fleet: &self.fleet,
            placing: &self.placing,
            nobody_runs: !has_dea && matches!(part, Part::Alone),
        };
        settle::jobs(&self.store, &grounds).await?;
        Ok(again)
    }

    /// Forgets the logs of apps that are gone: those that were deleted on the
    /// leader, and those of a group that this host has left.
    fn forget_logs(&self, logged: &[Arc<str>], apps: &[AppRecord]) {
        if logged.is_empty() {
            return;
        }
        let known: HashSet<String> = apps.iter().map(|app| app.id.to_string()).collect();
        let gone = logged.iter().filter(|id| !known.contains(&***id));
        gone.for_each(|id| self.logs.forget(id));
    }

    /// What this host is to do, and where everything is placed.
    async fn desired(&self, part: &Part) -> Result<(Desired, Vec<PlacementRecord>), ControlError> {
        if let Part::Follows(followed) = part {
            self.fleet.retain(&BTreeMap::new());
            return Ok((Desired::following(followed, self.fleet.host), Vec::new()));
        }
        let apps = self.store.app_all().await?;
        let routes = self.store.route_all().await?;
        let Part::Leads(members) = part else {
            self.placing.forget();
            self.fleet.retain(&BTreeMap::new());
            return Ok((Desired::alone(apps, routes), Vec::new()));
        };
        self.fleet.retain(&Links::heard_of(members));
        let placements = self.placing.settle(members, &apps).await?;
        let mut hosts = vec![self.links.myself()];
        hosts.extend(members.iter().map(|it| it.neighbour.clone()));
        // Nobody leads traffic to what was not placed there.
        let placed: HashSet<_> = placements
            .iter()
            .map(|it| (it.app, it.release, it.index, it.host))
            .collect();
        let mut elsewhere = self.fleet.serving_elsewhere();
        elsewhere.retain(|it| placed.contains(&(it.app, it.release, it.index, it.host)));
        let host = self.fleet.host;
        let mut desired = Desired::leading(apps, routes, hosts, elsewhere, &placements, host);
        desired.entrances = self.links.entrances(members).await?;
        Ok((desired, placements))
    }

    /// Tells followers what is to run in the group, and what does.
    async fn tell(
        &self,
        desired: &Desired,
        placements: Vec<PlacementRecord>,
    ) -> Result<(), ControlError> {
        let mut serving = desired.elsewhere.clone();
        let here = publish::serving(&self.fleet.here, &desired.apps);
        serving.extend(self.fleet.here.serving_of(&here, self.fleet.host));
        serving.sort_by_key(|it| (it.app, it.release, it.index, it.host));
        self.links.publish(GroupState {
            hosts: desired.hosts.clone(),
            control: self.links.control_plane(),
            apps: desired.apps.clone(),
            releases: self.store.release_wanted().await?,
            routes: desired.routes.clone(),
            placements,
            serving,
            entrances: desired.entrances.clone(),
        })
    }

    /// Without the role nothing would ever come of a roll-out.
    async fn give_up_rollouts(&self, apps: &[AppRecord]) -> Result<(), StoreError> {
        for app in apps {
            if let Some(next) = app.next_release {
                let why = Some(settle::NO_DEA.to_owned());
                rollouts::finish(&self.store, app.id, next, why).await?;
            }
        }
        Ok(())
    }

    /// Asks the droplet execution agent plugin and does what it says.
    async fn decide(&self, desired: &mut Desired) -> Result<Option<Duration>, ControlError> {
        let snapshot = self.snapshot(desired);
        let roles = Arc::clone(&self.roles);
        let Ok(Some(decisions)) =
            tokio::task::spawn_blocking(move || roles.decide(&snapshot)).await
        else {
            return Ok(None);
        };
        for action in decisions.actions {
            self.act(action, desired).await?;
        }
        if self.roles.evacuating() && self.fleet.here.snapshot().is_empty() {
            self.roles.evacuated();
        }
        Ok(decisions.again_ms.map(Duration::from_millis))
    }

    fn snapshot(&self, desired: &Desired) -> Snapshot {
        let share = |app: &AppRecord, release: Option<u64>| {
            release.map(|release| Share {
                release,
                indexes: desired.indexes(app, release),
            })
        };
        let started = |app: &&AppRecord| app.state == DesiredState::Started;
        let mut wanted: Vec<_> = desired
            .apps
            .iter()
            .filter(started)
            .map(|app| Wanted {
                app: app.id.to_string(),
                current: share(app, app.current_release),
                next: share(app, app.next_release),
            })
            .collect();
        wanted.sort_by(|a, b| a.app.cmp(&b.app));
        Snapshot {
            now_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            evacuating: self.roles.evacuating(),
            desired: wanted,
            instances: self.fleet.here.snapshot(),
        }
    }

    async fn act(&self, action: Action, desired: &mut Desired) -> Result<(), ControlError> {
        let find =
            |apps: &[AppRecord], id: &str| apps.iter().position(|app| app.id.to_string() == id);
        match action {
            Action::Start(start) => {
                if let Some(place) = find(&desired.apps, &start.app) {
                    self.starter.start(
                        &desired.apps[place],
                        start.release,
                        start.index,
                        desired.source.clone(),
                    );
                }
            }
            Action::Stop(stop) => {
                self.fleet
                    .here
                    .stop(&stop.instance, Duration::from_millis(stop.grace_ms));
                tracing::info!(
                    instance = stop.instance,
                    reason = stop.reason,
                    "stopping an instance"
                );
            }
            Action::Forget(instance) => self.fleet.here.forget(&instance),
            Action::Finish(finished) => {
                if let Some(place) = find(&desired.apps, &finished.app) {
                    rollout::here(self, desired, place, finished).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells the data path what runs and which routes lead there.
    fn publish(&self, desired: &Desired) -> Result<(), ControlError> {
        let peers = self.neighbours.peers(&self.links, &desired.hosts)?;
        let here = publish::serving(&self.fleet.here, &desired.apps);
        let serving = publish::with_others(&here, desired, &peers);
        self.backends
            .replace(publish::backends(&serving, &desired.apps, &self.backends));
        self.table
            .replace(publish::routes(&serving, &desired.routes));
        self.fleet.here.published(&here);
        self.links.note_routed(desired.source.digest());
        self.balancing.know(&desired.entrances);
        Ok(())
    }
}
