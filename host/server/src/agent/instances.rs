//! The instances on this host: what each does, since when and why.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use muster_api::{
    apps::{Instance as InstanceView, InstanceState},
    id::{AppId, HostId, InstanceId},
};
use muster_engine::{Instance, plugin::execution};
use muster_ingress::{Place, Placement};
use time::OffsetDateTime;
use tokio::sync::{Notify, futures::Notified};
use uuid::Uuid;

use crate::peers::state::{InstanceReport, Serving};

/// How often a stopping instance is asked whether its last request is done.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// The instances on this host.
#[derive(Default)]
pub(crate) struct Instances {
    entries: Mutex<BTreeMap<InstanceId, Entry>>,
    changed: Notify,
}

struct Entry {
    app: AppId,
    release: u64,
    index: u32,
    state: InstanceState,
    since: Instant,
    since_time: OffsetDateTime,
    reason: Option<String>,
    serving: Option<Arc<Instance>>,
    /// Whether the data path leads requests here.
    published: bool,
}

impl Entry {
    fn enter(&mut self, state: InstanceState) {
        self.state = state;
        self.since = Instant::now();
        self.since_time = OffsetDateTime::now_utc();
    }

    fn label(&self) -> String {
        format!("{}/{}", self.index, self.release)
    }
}

impl Instances {
    /// Resolves at the next change.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// A new instance that is starting.
    pub(crate) fn begin(&self, app: AppId, release: u64, index: u32) -> InstanceId {
        let id = InstanceId(Uuid::now_v7());
        let entry = Entry {
            app,
            release,
            index,
            state: InstanceState::Starting,
            since: Instant::now(),
            since_time: OffsetDateTime::now_utc(),
            reason: None,
            serving: None,
            published: false,
        };
        self.lock().insert(id, entry);
        self.changed.notify_waiters();
        id
    }

    /// The instance serves from now on. `false` if it was stopped meanwhile.
    pub(crate) fn serve(&self, id: InstanceId, serving: Arc<Instance>) -> bool {
        let serves = self.update(id, |entry| {
            if entry.state == InstanceState::Starting {
                entry.serving = Some(serving);
                entry.enter(InstanceState::Running);
            }
            entry.state == InstanceState::Running
        });
        serves.unwrap_or(false)
    }

    /// The instance ended by itself.
    pub(crate) fn crash(&self, id: InstanceId, reason: String) {
        self.update(id, |entry| {
            if matches!(
                entry.state,
                InstanceState::Starting | InstanceState::Running
            ) {
                entry.serving = None;
                entry.reason = Some(reason);
                entry.enter(InstanceState::Crashed);
            }
        });
    }

    /// Takes an instance out of service; it goes when its last request is done
    /// or its grace is over.
    pub(crate) fn stop(self: &Arc<Self>, id: &str, grace: Duration) {
        let Ok(id) = id.parse::<InstanceId>() else {
            return;
        };
        let serving = self.update(id, |entry| {
            (entry.state != InstanceState::Stopping).then(|| {
                entry.enter(InstanceState::Stopping);
                entry.serving.clone()
            })
        });
        let Some(Some(serving)) = serving else { return };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(serving) = serving {
                let deadline = Instant::now() + grace;
                // A request that was routed here a moment ago may not have
                // entered yet, so there is one pause at least.
                loop {
                    tokio::time::sleep(DRAIN_POLL).await;
                    if serving.active() == 0 || Instant::now() >= deadline {
                        break;
                    }
                }
            }
            this.lock().remove(&id);
            this.changed.notify_waiters();
        });
    }

    /// Forgets a crashed instance.
    pub(crate) fn forget(&self, id: &str) {
        if let Ok(id) = id.parse::<InstanceId>() {
            let mut entries = self.lock();
            if entries
                .get(&id)
                .is_some_and(|entry| entry.state == InstanceState::Crashed)
            {
                entries.remove(&id);
                drop(entries);
                self.changed.notify_waiters();
            }
        }
    }

    /// Whether the instance still is in that state.
    pub(crate) fn is(&self, id: InstanceId, state: InstanceState) -> bool {
        self.lock()
            .get(&id)
            .is_some_and(|entry| entry.state == state)
    }

    /// The data path has just been told of these, and of no others.
    pub(crate) fn published(&self, serving: &BTreeMap<AppId, Vec<Placement>>) {
        let told: HashSet<&str> = serving
            .values()
            .flatten()
            .map(|placement| &*placement.id)
            .collect();
        for (id, entry) in self.lock().iter_mut() {
            entry.published = told.contains(id.to_string().as_str());
        }
    }

    /// How many instances of an app serve: they run, and requests reach them.
    pub(crate) fn running(&self, app: AppId) -> u32 {
        self.count(|entry| {
            entry.app == app && entry.state == InstanceState::Running && entry.published
        })
    }

    /// How many instances of one release of an app run, whether requests reach
    /// them yet or not.
    pub(crate) fn running_of(&self, app: AppId, release: u64) -> u32 {
        self.count(|entry| {
            entry.app == app && entry.release == release && entry.state == InstanceState::Running
        })
    }

    /// How many instances of an app are there at all.
    pub(crate) fn present(&self, app: AppId) -> u32 {
        self.count(|entry| entry.app == app)
    }

    /// Why an instance of an app crashed, if one did.
    pub(crate) fn crash_reason(&self, app: AppId) -> Option<String> {
        let entries = self.lock();
        let crashed = |entry: &&Entry| entry.app == app && entry.state == InstanceState::Crashed;
        entries
            .values()
            .find(crashed)
            .map(|entry| entry.reason.clone().unwrap_or_default())
    }

    /// An app's instances, as the API shows them. `host` is this host's name.
    pub(crate) fn of(&self, app: AppId, host: &str) -> Vec<InstanceView> {
        let entries = self.lock();
        let mut views: Vec<InstanceView> = entries
            .iter()
            .filter(|(_, entry)| entry.app == app)
            .map(|(id, entry)| InstanceView {
                id: *id,
                index: entry.index,
                release: entry.release,
                host: host.to_owned(),
                why: None,
                state: entry.state,
                since: entry.since_time,
                reason: entry.reason.clone(),
            })
            .collect();
        views.sort_by_key(|view| (view.release, view.index));
        views
    }

    /// Everything, as it is told to the leader.
    pub(crate) fn reports(&self) -> Vec<InstanceReport> {
        let entries = self.lock();
        let reports = entries.iter().map(|(id, entry)| InstanceReport {
            id: *id,
            app: entry.app,
            release: entry.release,
            index: entry.index,
            state: entry.state,
            since: entry.since_time,
            reason: entry.reason.clone(),
        });
        reports.collect()
    }

    /// Which instances of what is published are this host's.
    pub(crate) fn serving_of(
        &self,
        published: &BTreeMap<AppId, Vec<Placement>>,
        host: HostId,
    ) -> Vec<Serving> {
        let told: HashSet<&str> = published
            .values()
            .flatten()
            .map(|placement| &*placement.id)
            .collect();
        let entries = self.lock();
        let serving = entries
            .iter()
            .filter(|(id, _)| told.contains(id.to_string().as_str()))
            .map(|(id, entry)| Serving {
                host,
                id: *id,
                app: entry.app,
                release: entry.release,
                index: entry.index,
            });
        serving.collect()
    }

    /// The running instances of each app with their releases, as the data path
    /// wants them.
    pub(crate) fn serving(&self) -> BTreeMap<AppId, Vec<(u64, Placement)>> {
        let mut serving: BTreeMap<AppId, Vec<(u64, Placement)>> = BTreeMap::new();
        for (id, entry) in self.lock().iter() {
            if let (InstanceState::Running, Some(instance)) = (entry.state, &entry.serving) {
                let placement = Placement {
                    id: Arc::from(id.to_string()),
                    label: Arc::from(entry.label()),
                    at: Place::Here(Arc::clone(instance)),
                };
                serving
                    .entry(entry.app)
                    .or_default()
                    .push((entry.release, placement));
            }
        }
        serving
    }

    /// Everything, in the words of the plugin.
    pub(crate) fn snapshot(&self) -> Vec<execution::Instance> {
        let entries = self.lock();
        let mut all: Vec<execution::Instance> = entries
            .iter()
            .map(|(id, entry)| execution::Instance {
                id: id.to_string(),
                app: entry.app.to_string(),
                release: entry.release,
                index: entry.index,
                state: match entry.state {
                    InstanceState::Starting => execution::State::Starting,
                    InstanceState::Running => execution::State::Running,
                    InstanceState::Stopping => execution::State::Stopping,
                    InstanceState::Crashed => execution::State::Crashed,
                },
                since_ms: u64::try_from(entry.since.elapsed().as_millis()).unwrap_or(u64::MAX),
                reason: entry.reason.clone(),
            })
            .collect();
        all.sort_by(|a, b| (&a.app, a.release, a.index).cmp(&(&b.app, b.release, b.index)));
        all
    }

    fn count(&self, matches: impl Fn(&Entry) -> bool) -> u32 {
        let count = self.lock().values().filter(|entry| matches(entry)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn update<T>(&self, id: InstanceId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let changed = self.lock().get_mut(&id).map(change);
        self.changed.notify_waiters();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
