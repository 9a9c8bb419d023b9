//! What holds for every snapshot.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::{group, id, mib};
use crate::snapshot::{App, Condition, Constraints, Host, Placement, Snapshot};
use crate::{Amounts, Plan, plan, usage};

fn amounts(most: u64) -> impl Strategy<Value = Amounts> {
    (0..=most, 0..=most, 0..=most).prop_map(|(memory, cpu, disk)| Amounts { memory, cpu, disk })
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    option::weighted(0.3, prop::sample::select(vec!["yes", "no"])).prop_map(|gpu| {
        gpu.map(|it| ("gpu".to_owned(), it.to_owned()))
            .into_iter()
            .collect()
    })
}

fn zone() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["east", "west", "north"]).prop_map(str::to_owned)
}

fn host() -> impl Strategy<Value = Host> {
    let condition = prop_oneof![
        6 => Just(Condition::Ready),
        1 => Just(Condition::Draining),
        1 => Just(Condition::Lost),
    ];
    let zone = option::of(zone());
    (
        zone,
        labels(),
        condition,
        prop::bool::weighted(0.9),
        amounts(12),
    )
        .prop_map(|(zone, labels, condition, runs_apps, holds)| Host {
            id: Uuid::nil(),
            name: String::new(),
            zone,
            labels,
            condition,
            runs_apps,
            memory: holds.memory,
            cpu: holds.cpu,
            disk: holds.disk,
        })
}

fn constraints() -> impl Strategy<Value = Constraints> {
    let zones = vec(zone(), 0..2);
    let constrained =
        (labels(), zones, any::<bool>()).prop_map(|(labels, zones, one_per_host)| Constraints {
            labels,
            zones,
            one_per_host,
        });
    prop_oneof![Just(Constraints::default()), constrained]
}

fn app() -> impl Strategy<Value = App> {
    (0..4u8, 0..6u32, amounts(3), constraints()).prop_map(|(app, instances, needs, constraints)| {
        App {
            release: Uuid::nil(),
            app: id(&format!("app-{app}")),
            name: format!("app-{app}"),
            instances,
            memory: needs.memory,
            cpu: needs.cpu,
            disk: needs.disk,
            constraints,
        }
    })
}

/// Any snapshot, also one that no sequence of plans would lead to.
fn snapshot() -> impl Strategy<Value = Snapshot> {
    let placed = vec((0..6u8, 0..6u32, 0..7u8, any::<bool>()), 0..20);
    (vec(host(), 0..6), vec(app(), 0..5), placed).prop_map(|(mut hosts, mut apps, placed)| {
        for (n, host) in hosts.iter_mut().enumerate() {
            host.name = format!("host-{n}");
            host.id = id(&host.name);
        }
        for (n, app) in apps.iter_mut().enumerate() {
            app.release = id(&format!("release-{n}"));
        }
        let placed = placed
            .into_iter()
            .map(|(release, index, host, running)| Placement {
                release: id(&format!("release-{release}")),
                index,
                host: id(&format!("host-{host}")),
                running,
            });
        let mut once = BTreeMap::new();
        for it in placed {
            once.insert((it.release, it.index, it.host), it);
        }
        Snapshot {
            hosts,
            apps,
            placed: once.into_values().collect(),
        }
    })
}

/// Whether instances may be on a host, told in other words than the planner's.
fn allowed(app: &App, host: &Host) -> bool {
    let Constraints { labels, zones, .. } = &app.constraints;
    host.condition == Condition::Ready
        && host.runs_apps
        && labels
            .iter()
            .all(|label| host.labels.iter().any(|it| it == label))
        && (zones.is_empty() || host.zone.as_ref().is_some_and(|zone| zones.contains(zone)))
}

impl Snapshot {
    fn host_of(&self, id: Uuid) -> Option<&Host> {
        self.hosts.iter().find(|host| host.id == id)
    }

    fn app_of(&self, release: Uuid) -> Option<&App> {
        self.apps.iter().find(|app| app.release == release)
    }

    /// While a plan is carried out: all that it starts is there, and nothing has stopped yet.
    fn during(&self, plan: &Plan) -> Self {
        let mut during = self.clone();
        let starts = plan.starts.iter().map(|choice| choice.placement);
        during.placed.extend(starts);
        during
    }

    /// Plans again and again, with everything running in between, until nothing changes.
    fn settled(mut self) -> Self {
        let steps = 2 * self.placed.len() + 10 * self.apps.len() + 3;
        for _ in 0..steps {
            self.placed.iter_mut().for_each(|it| it.running = true);
            let plan = plan(&self);
            if plan.changes_nothing() {
                return self;
            }
            self = self.after(&plan);
        }
        panic!("still changes after {steps} steps");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn all_that_is_placed_stays_or_stops(case in snapshot()) {
        let plan = plan(&case);
        let stops = plan.stops.iter().map(|it| it.placement);
        let mut all: Vec<_> = plan.stays.iter().copied().chain(stops).collect();
        all.sort();
        let mut placed = case.placed;
        placed.sort();
        prop_assert_eq!(all, placed);
    }

    #[test]
    fn no_host_gets_more_than_it_holds(case in snapshot()) {
        let plan = plan(&case);
        let gets: BTreeSet<_> = plan.starts.iter().map(|it| it.placement.host).collect();
        for it in usage(&case.during(&plan)) {
            prop_assert!(it.capacity.cover(it.used) || !gets.contains(&it.host), "{it:?}");
        }
    }

    #[test]
    fn constraints_hold(case in snapshot()) {
        let plan = plan(&case);
        let during = case.during(&plan);
        for choice in &plan.starts {
            let it = choice.placement;
            let app = case.app_of(it.release).unwrap();
            prop_assert!(allowed(app, case.host_of(it.host).unwrap()));
            let same = |other: &&Placement| other.release == it.release && other.host == it.host;
            if app.constraints.one_per_host {
                prop_assert_eq!(during.placed.iter().filter(same).count(), 1);
            }
        }
    }

    #[test]
    fn as_many_indexes_as_wanted_and_each_settled_once(case in snapshot()) {
        let plan = plan(&case);
        for app in &case.apps {
            let starts: Vec<_> = plan.starts.iter().map(|it| it.placement)
                .filter(|it| it.release == app.release).collect();
            let stays: Vec<_> = plan.stays.iter().copied()
                .filter(|it| it.release == app.release).collect();
            let waiting: Vec<_> = plan.unplaced.iter()
                .filter(|it| it.release == app.release).map(|it| it.index).collect();
            let mut indexes: BTreeSet<_> = starts.iter().chain(&stays).map(|it| it.index).collect();
            for &index in &indexes {
                prop_assert!(starts.iter().filter(|it| it.index == index).count() <= 1);
                let settled = starts.iter().chain(&stays).filter(|it| {
                    it.index == index && allowed(app, case.host_of(it.host).unwrap())
                });
                let settled = settled.count();
                prop_assert!(settled <= 1 || app.constraints.one_per_host);
                prop_assert!(settled >= 1 || waiting.contains(&index));
            }
            prop_assert_eq!(waiting.iter().collect::<BTreeSet<_>>().len(), waiting.len());
            prop_assert!(starts.iter().all(|it| !waiting.contains(&it.index)));
            indexes.extend(waiting);
            prop_assert_eq!(indexes.len(), app.instances as usize);
        }
    }

    #[test]
    fn what_is_unplaced_fits_nowhere(case in snapshot()) {
        let plan = plan(&case);
        let during = case.during(&plan);
        let used = usage(&during);
        for it in &plan.unplaced {
            let app = case.app_of(it.release).unwrap();
            prop_assert_eq!(it.reasons.len(), case.hosts.len());
            for host in it.reasons.iter() {
                prop_assert!(!host.why_not.is_empty());
                let place = used.iter().find(|other| other.host == host.host).unwrap();
                let fits = place.capacity.cover(place.used.plus(app.needs()));
                let same = |other: &Placement| {
                    other.release == it.release && other.host == host.host
                };
                let alone = !app.constraints.one_per_host || !during.placed.iter().any(same);
                let may = allowed(app, case.host_of(host.host).unwrap());
                prop_assert!(!(fits && alone && may), "{} fits on {}", it.name, host.name);
            }
        }
    }

    #[test]
    fn plans_come_to_rest(case in snapshot()) {
        let rest = case.settled();
        let waiting: BTreeMap<_, _> = plan(&rest).unplaced.into_iter()
            .map(|it| ((it.release, it.index), it.meanwhile)).collect();
        let mut held = BTreeSet::new();
        for it in &rest.placed {
            let app = rest.app_of(it.release).unwrap();
            let fine = allowed(app, rest.host_of(it.host).unwrap());
            prop_assert!(held.insert((it.release, it.index)), "{it:?} twice");
            match waiting.get(&(it.release, it.index)) {
                Some(meanwhile) => prop_assert_eq!(*meanwhile, Some(*it)),
                None => prop_assert!(fine, "{it:?} should have left"),
            }
        }
    }

    #[test]
    fn plans_come_to_rest_when_nothing_ever_runs(case in snapshot()) {
        let mut case = case;
        for _ in 0..2 * case.placed.len() + 10 * case.apps.len() + 3 {
            let plan = plan(&case);
            case.placed.clone_from(&plan.stays);
            case.placed.extend(plan.starts.iter().map(|it| it.placement));
        }
        prop_assert!(plan(&case).changes_nothing());
    }

    #[test]
    fn a_lost_hosts_return_moves_nothing(case in snapshot(), which in any::<prop::sample::Index>()) {
        let mut case = case.settled();
        if case.hosts.is_empty() {
            return Ok(());
        }
        let n = which.index(case.hosts.len());
        case.hosts[n].condition = Condition::Ready;
        let mut case = case.settled();
        case.hosts[n].condition = Condition::Lost;
        let mut case = case.settled();
        let waited: BTreeSet<_> = plan(&case).unplaced.iter()
            .map(|it| (it.release, it.index)).collect();
        case.hosts[n].condition = Condition::Ready;
        let plan = plan(&case);
        let starts = plan.starts.into_iter().map(|it| it.placement);
        for it in starts.chain(plan.stops.into_iter().map(|it| it.placement)) {
            prop_assert!(waited.contains(&(it.release, it.index)), "{it:?} did not wait");
        }
    }

    #[test]
    fn no_instance_is_ever_down_for_a_drain(case in snapshot(), which in any::<prop::sample::Index>()) {
        let mut case = case.settled();
        if case.hosts.is_empty() {
            return Ok(());
        }
        let n = which.index(case.hosts.len());
        case.hosts[n].condition = Condition::Draining;
        let running = |case: &Snapshot| -> BTreeSet<(Uuid, u32)> {
            case.placed.iter().filter(|it| it.running).map(|it| (it.release, it.index)).collect()
        };
        for _ in 0..5 {
            let plan = plan(&case);
            let before = running(&case);
            // Nothing that was told to start has got round to it.
            case.placed.clone_from(&plan.stays);
            case.placed.extend(plan.starts.iter().map(|it| it.placement));
            prop_assert_eq!(running(&case), before);
            for it in &mut case.placed {
                it.running = true;
            }
        }
    }

    #[test]
    fn the_order_of_lists_says_nothing(
        (case, shuffled) in snapshot().prop_flat_map(|case| {
            let Snapshot { hosts, apps, placed } = case.clone();
            let shuffled = (
                Just(hosts).prop_shuffle(),
                Just(apps).prop_shuffle(),
                Just(placed).prop_shuffle(),
            );
            let shuffled = shuffled.prop_map(|(hosts, apps, placed)| Snapshot { hosts, apps, placed });
            (Just(case), shuffled)
        })
    ) {
        prop_assert_eq!(plan(&case), plan(&shuffled));
        prop_assert_eq!(usage(&case), usage(&shuffled));
    }

    #[test]
    fn where_all_fits_nothing_is_doubled_more_than_needed(
        zones in vec(0..3usize, 1..8),
        instances in 0..30u32,
    ) {
        let names = ["east", "west", "north"];
        let mut case = group().app("web", instances, mib(1));
        for (n, zone) in zones.iter().enumerate() {
            let name = format!("host-{n}");
            case = case.host(&name, mib(1000)).zone(names[*zone], &name);
        }
        let plan = plan(&case);
        let mut by_zone: BTreeMap<&str, BTreeMap<Uuid, u32>> = BTreeMap::new();
        for host in &case.hosts {
            let zone = by_zone.entry(host.zone.as_deref().unwrap()).or_default();
            let on_host = plan.starts.iter().filter(|it| it.placement.host == host.id);
            zone.insert(host.id, u32::try_from(on_host.count()).unwrap());
        }
        let even = |counts: Vec<u32>| counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1;
        for zone in by_zone.values() {
            prop_assert!(even(zone.values().copied().collect()));
        }
        prop_assert!(even(by_zone.values().map(|zone| zone.values().sum()).collect()));
    }
}
