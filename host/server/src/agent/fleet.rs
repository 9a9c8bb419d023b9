//! The instances of the whole group: those on this host, and those that other
//! hosts have told of.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use muster_api::{
    apps::{Instance as InstanceView, InstanceState},
    id::{AppId, HostId},
};
use tokio::sync::{Notify, futures::Notified};

use super::instances::Instances;
use crate::control::this_host::Name;
use crate::peers::state::{InstanceReport, Serving};

/// The instances of the whole group.
pub(crate) struct Fleet {
    /// Those on this host.
    pub(crate) here: Arc<Instances>,
    /// This host.
    pub(crate) host: HostId,
    name: Name,
    others: Mutex<BTreeMap<HostId, Other>>,
    changed: Notify,
}

/// What is known of another host's instances.
#[derive(Default)]
struct Other {
    name: String,
    instances: Vec<InstanceReport>,
    /// Whether it was heard of late. What a lost host runs counts for nothing.
    reachable: bool,
}

impl Fleet {
    pub(crate) fn new(here: Arc<Instances>, host: HostId, name: Name) -> Self {
        Self {
            here,
            host,
            name,
            others: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Resolves when another host tells something new.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Another host has told of its instances.
    pub(crate) fn told(&self, host: HostId, name: &str, instances: Vec<InstanceReport>) {
        let mut others = self.others();
        let known = others.entry(host).or_default();
        let news = !known.reachable || known.instances != instances || known.name != name;
        *known = Other {
            name: name.to_owned(),
            instances,
            reachable: true,
        };
        drop(others);
        if news {
            self.changed.notify_waiters();
        }
    }

    /// Only these hosts are in the group; the others are forgotten. Those that
    /// are `false` are not heard any more.
    pub(crate) fn retain(&self, hosts: &BTreeMap<HostId, bool>) {
        let mut others = self.others();
        others.retain(|host, _| hosts.contains_key(host));
        for (host, other) in others.iter_mut() {
            other.reachable &= hosts[host];
        }
    }

    /// Whether all of these hosts that are heard have told of their instances
    /// since this host has started.
    pub(crate) fn knows(&self, hosts: &BTreeMap<HostId, bool>) -> bool {
        let others = self.others();
        let mut heard = hosts.iter().filter(|(_, heard)| **heard);
        heard.all(|(host, _)| others.contains_key(host))
    }

    /// How many instances of an app serve.
    pub(crate) fn running(&self, app: AppId) -> u32 {
        self.here.running(app) + self.count(|it| it.app == app && runs(it))
    }

    /// How many instances of one release of an app run, whether requests reach
    /// them yet or not.
    pub(crate) fn running_of(&self, app: AppId, release: u64) -> u32 {
        self.here.running_of(app, release)
            + self.count(|it| it.app == app && it.release == release && runs(it))
    }

    /// How many instances of an app are there at all.
    pub(crate) fn present(&self, app: AppId) -> u32 {
        self.here.present(app) + self.count(|it| it.app == app)
    }

    /// Why an instance of an app crashed, if one did.
    pub(crate) fn crash_reason(&self, app: AppId) -> Option<String> {
        let elsewhere = || {
            self.find(|it| it.app == app && it.state == InstanceState::Crashed)
                .map(|(host, it)| crashed_on(&host, &it))
        };
        self.here.crash_reason(app).or_else(elsewhere)
    }

    /// Why an instance of a release crashed on another host, if one did.
    pub(crate) fn crash_elsewhere(&self, app: AppId, release: u64) -> Option<String> {
        self.find(|it| it.app == app && it.release == release && it.state == InstanceState::Crashed)
            .map(|(host, it)| {
                let why = crashed_on(&host, &it);
                format!("instance {} crashed: {why}", it.index)
            })
    }

    /// An app's instances, as the API shows them.
    pub(crate) fn of(&self, app: AppId) -> Vec<InstanceView> {
        let mut views = self.here.of(app, &self.name.get());
        for other in self.others().values().filter(|other| other.reachable) {
            views.extend(other.instances.iter().filter(|it| it.app == app).map(|it| {
                InstanceView {
                    id: it.id,
                    index: it.index,
                    release: it.release,
                    host: other.name.clone(),
                    why: None,
                    state: it.state,
                    since: it.since,
                    reason: it.reason.clone(),
                }
            }));
        }
        views.sort_by(|one, other| {
            (one.release, one.index, &one.host).cmp(&(other.release, other.index, &other.host))
        });
        views
    }

    /// The name of a host of the group.
    pub(crate) fn name_of(&self, host: HostId) -> Option<String> {
        if host == self.host {
            return Some(self.name.get());
        }
        self.others().get(&host).map(|other| other.name.clone())
    }

    /// What serves on other hosts.
    pub(crate) fn serving_elsewhere(&self) -> Vec<Serving> {
        self.others()
            .iter()
            .filter(|(_, other)| other.reachable)
            .flat_map(|(host, other)| {
                other
                    .instances
                    .iter()
                    .filter(|it| runs(it))
                    .map(|it| Serving {
                        host: *host,
                        id: it.id,
                        app: it.app,
                        release: it.release,
                        index: it.index,
                    })
            })
            .collect()
    }

    /// Where instances run, by app, release, index and host.
    pub(crate) fn places(&self) -> HashSet<(AppId, u64, u32, HostId)> {
        let here = self.here.reports();
        let here = here
            .iter()
            .filter(|it| runs(it))
            .map(|it| (it.app, it.release, it.index, self.host));
        let others = self.serving_elsewhere();
        let others = others
            .iter()
            .map(|it| (it.app, it.release, it.index, it.host));
        here.chain(others).collect()
    }

    fn count(&self, matches: impl Fn(&InstanceReport) -> bool) -> u32 {
        let others = self.others();
        let all = others.values().filter(|other| other.reachable);
        let all = all.flat_map(|other| &other.instances);
        u32::try_from(all.filter(|it| matches(it)).count()).unwrap_or(u32::MAX)
    }

    fn find(&self, matches: impl Fn(&InstanceReport) -> bool) -> Option<(String, InstanceReport)> {
        let others = self.others();
        others
            .values()
            .filter(|other| other.reachable)
            .find_map(|other| {
                let found = other.instances.iter().find(|it| matches(it));
                found.map(|it| (other.name.clone(), it.clone()))
            })
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<HostId, Other>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn runs(report: &InstanceReport) -> bool {
    report.state == InstanceState::Running
}

fn crashed_on(host: &str, report: &InstanceReport) -> String {
    let why = report.reason.as_deref();
    format!("{} (on {host})", why.unwrap_or("it ended without a reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(app: AppId, index: u32, state: InstanceState) -> InstanceReport {
        InstanceReport {
            id: muster_api::id::InstanceId(uuid::Uuid::now_v7()),
            app,
            release: 1,
            index,
            state,
            since: muster_store::now(),
            reason: Some("out of memory".to_owned()),
        }
    }

    #[test]
    fn what_a_lost_host_runs_counts_for_nothing() {
        let me = HostId(uuid::Uuid::from_u128(1));
        let other = HostId(uuid::Uuid::from_u128(2));
        let app = AppId(uuid::Uuid::from_u128(3));
        let fleet = Fleet::new(Arc::default(), me, Name::new("here"));
        let told = vec![
            report(app, 0, InstanceState::Running),
            report(app, 1, InstanceState::Crashed),
        ];
        fleet.told(other, "there", told);
        assert_eq!((fleet.running(app), fleet.present(app)), (1, 2));
        assert_eq!(
            fleet.crash_elsewhere(app, 1).as_deref(),
            Some("instance 1 crashed: out of memory (on there)")
        );
        assert_eq!(fleet.of(app)[0].host, "there");

        fleet.retain(&BTreeMap::from([(other, false)]));
        assert_eq!((fleet.running(app), fleet.present(app)), (0, 0));
        assert!(fleet.of(app).is_empty() && fleet.places().is_empty());

        fleet.told(other, "there", vec![report(app, 0, InstanceState::Running)]);
        assert_eq!(fleet.running(app), 1, "it is heard again");
        fleet.retain(&BTreeMap::new());
        assert_eq!(fleet.running(app), 0, "it is in the group no more");
    }
}
