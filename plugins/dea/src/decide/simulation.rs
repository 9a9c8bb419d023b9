//! A host in miniature: does what is decided while things happen to it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What may happen on a host.
#[derive(Debug, Clone)]
enum Event {
    /// An instance that starts gets ready, or one that stops is done.
    Proceed(prop::sample::Index),
    /// An instance fails.
    Crash(prop::sample::Index),
    /// A new release is rolled out.
    Push(&'static str),
    /// A roll-out is called off.
    CallOff(&'static str),
    /// The host gets another share of an app's instances.
    Scale(&'static str, BTreeSet<u32>),
    /// An app is deleted.
    Delete(&'static str),
    /// Time passes, in milliseconds.
    Wait(u64),
    /// The plugin is replaced, and with it what it remembers.
    Replace,
}

fn an_event() -> impl Strategy<Value = Event> {
    let app = || prop::sample::select(vec!["a", "b"]);
    prop_oneof![
        8 => any::<prop::sample::Index>().prop_map(Event::Proceed),
        2 => any::<prop::sample::Index>().prop_map(Event::Crash),
        2 => app().prop_map(Event::Push),
        1 => app().prop_map(Event::CallOff),
        1 => (app(), prop::collection::btree_set(0..6_u32, 0..4)).prop_map(|(app, indexes)| Event::Scale(app, indexes)),
        1 => app().prop_map(Event::Delete),
        2 => (0..400_000_u64).prop_map(Event::Wait),
        1 => Just(Event::Replace),
    ]
}

/// What is wanted of an app.
#[derive(Debug, Clone)]
struct Wanted {
    current: Option<Release>,
    next: Option<Release>,
    /// The host's indexes, of either release.
    indexes: BTreeSet<u32>,
}

impl Wanted {
    fn desired(&self, app: &str) -> Desired {
        let share = |release| Share {
            release,
            indexes: self.indexes.iter().copied().collect(),
        };
        Desired {
            app: app.to_owned(),
            current: self.current.map(share),
            next: self.next.map(share),
        }
    }
}

#[derive(Default)]
struct Host {
    now: u64,
    desired: BTreeMap<&'static str, Wanted>,
    /// Each with the time at which it entered its state.
    instances: Vec<(Instance, u64)>,
    /// How many instances and releases there ever were.
    serial: u64,
    crashes: Crashes,
}

impl Host {
    fn happen(&mut self, event: &Event) {
        match event {
            Event::Proceed(which) => {
                let pending = |(it, _): &(Instance, u64)| {
                    matches!(it.state, State::Starting | State::Stopping)
                };
                let pending: Vec<_> = (0..self.instances.len())
                    .filter(|at| pending(&self.instances[*at]))
                    .collect();
                if !pending.is_empty() {
                    self.proceed(*which.get(&pending));
                }
            }
            Event::Crash(which) => {
                let live = |(it, _): &(Instance, u64)| {
                    matches!(it.state, State::Starting | State::Running)
                };
                let live: Vec<_> = (0..self.instances.len())
                    .filter(|at| live(&self.instances[*at]))
                    .collect();
                if !live.is_empty() {
                    self.enter(*which.get(&live), State::Crashed);
                }
            }
            Event::Push(app) => {
                self.serial += 1;
                let new = || Wanted {
                    current: None,
                    next: None,
                    indexes: [0, 1].into(),
                };
                self.desired.entry(app).or_insert_with(new).next = Some(self.serial);
            }
            Event::CallOff(app) => {
                if let Some(desired) = self.desired.get_mut(app) {
                    desired.next = None;
                }
            }
            Event::Scale(app, indexes) => {
                if let Some(desired) = self.desired.get_mut(app) {
                    desired.indexes.clone_from(indexes);
                }
            }
            Event::Delete(app) => {
                self.desired.remove(app);
            }
            Event::Wait(millis) => self.now += millis,
            Event::Replace => self.crashes = Crashes::default(),
        }
    }

    fn proceed(&mut self, at: usize) {
        if self.instances[at].0.state == State::Starting {
            self.enter(at, State::Running);
        } else {
            self.instances.remove(at);
        }
    }

    fn enter(&mut self, at: usize, state: State) {
        self.instances[at].0.state = state;
        self.instances[at].1 = self.now;
    }

    fn snapshot(&self) -> Snapshot {
        let mut instances: Vec<_> = self
            .instances
            .iter()
            .map(|(instance, _)| instance.clone())
            .collect();
        for (instance, (_, entered)) in instances.iter_mut().zip(&self.instances) {
            instance.since_ms = self.now - entered;
        }
        instances.sort_by_key(|it| (it.app.clone(), it.release, it.index));
        Snapshot {
            now_ms: self.now,
            evacuating: false,
            desired: self
                .desired
                .iter()
                .map(|(app, it)| it.desired(app))
                .collect(),
            instances,
        }
    }

    /// The number of running instances that take an app's traffic: of its
    /// current release and those before it.
    fn serving(&self, app: &str) -> usize {
        let Some(Wanted {
            current: Some(current),
            ..
        }) = self.desired.get(app)
        else {
            return 0;
        };
        let serves =
            |it: &Instance| it.app == app && it.state == State::Running && it.release <= *current;
        self.instances
            .iter()
            .filter(|(instance, _)| serves(instance))
            .count()
    }

    /// Does what is decided, and checks that it makes sense. Gives what was
    /// decided.
    fn act(&mut self) -> Result<Decisions, TestCaseError> {
        let serving: BTreeMap<_, _> = self
            .desired
            .keys()
            .map(|app| (*app, self.serving(app)))
            .collect();
        let decisions = decide(&self.snapshot(), &mut self.crashes);
        for action in &decisions.actions {
            let state_of = |id: &String| self.instances.iter().position(|(it, _)| it.id == *id);
            match action {
                Action::Start(Start {
                    app,
                    release,
                    index,
                }) => {
                    let there = self.instances.iter().any(|(it, _)| {
                        (&it.app, it.release, it.index) == (app, *release, *index)
                            && matches!(it.state, State::Starting | State::Running)
                    });
                    prop_assert!(!there, "{:?} is there already", action);
                    self.serial += 1;
                    let id = self.serial.to_string();
                    let (app, release, index) = (app.clone(), *release, *index);
                    let instance = Instance {
                        id,
                        app,
                        release,
                        index,
                        state: State::Starting,
                        since_ms: 0,
                        reason: None,
                    };
                    self.instances.push((instance, self.now));
                }
                Action::Stop(stop) => {
                    let at = state_of(&stop.instance).expect("only what is there is stopped");
                    prop_assert!(matches!(
                        self.instances[at].0.state,
                        State::Starting | State::Running
                    ));
                    self.enter(at, State::Stopping);
                }
                Action::Forget(id) => {
                    let at = state_of(id).expect("only what is there is forgotten");
                    prop_assert_eq!(self.instances[at].0.state, State::Crashed);
                    self.instances.remove(at);
                }
                Action::Finish(rollout) => {
                    let desired = self
                        .desired
                        .get_mut(rollout.app.as_str())
                        .expect("only known apps have roll-outs");
                    prop_assert_eq!(desired.next.take(), Some(rollout.release));
                    if rollout.failure.is_none() {
                        desired.current = Some(rollout.release);
                    }
                }
            }
        }
        for (app, before) in serving {
            let enough = before.min(self.desired[app].indexes.len());
            prop_assert!(
                self.serving(app) >= enough,
                "{} serves with {} of {}",
                app,
                self.serving(app),
                before
            );
        }
        Ok(decisions)
    }

    /// The running places, and whether there is nothing else.
    fn settled(&self) -> bool {
        let places: BTreeSet<_> = self
            .instances
            .iter()
            .map(|(it, _)| (it.app.as_str(), it.release, it.index))
            .collect();
        let wanted: BTreeSet<_> = self
            .desired
            .iter()
            .flat_map(|(app, it)| {
                let indexes = it.indexes.iter();
                indexes.filter_map(move |index| Some((*app, it.current?, *index)))
            })
            .collect();
        places == wanted
            && self.instances.len() == wanted.len()
            && self
                .instances
                .iter()
                .all(|(it, _)| it.state == State::Running)
            && self.desired.values().all(|it| it.next.is_none())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_happens_the_host_comes_to_what_is_desired(events in prop::collection::vec(an_event(), 0..60)) {
        let mut host = Host::default();
        for event in &events {
            host.happen(event);
            host.act()?;
        }
        // From here on nothing fails, and few steps must do.
        for _ in 0..12 {
            let again = host.act()?.again_ms;
            for at in (0..host.instances.len()).rev() {
                if matches!(host.instances[at].0.state, State::Starting | State::Stopping) {
                    host.proceed(at);
                }
            }
            host.now += again.unwrap_or(0);
        }
        prop_assert!(host.settled(), "{:?} {:?}", host.desired, host.instances);
        prop_assert_eq!(host.act()?, Decisions { actions: vec![], again_ms: None });
    }

    #[test]
    fn an_instance_that_always_crashes_is_not_started_often(length in 1..3_600_000_u64) {
        let mut host = Host::default();
        host.desired.insert("a", Wanted { current: Some(1), next: None, indexes: [0].into() });
        let mut starts = 0_u64;
        while host.now < length {
            let decisions = host.act()?;
            starts += decisions.actions.iter().filter(|it| matches!(it, Action::Start(_))).count() as u64;
            if let Some(at) = host.instances.iter().position(|(it, _)| it.state == State::Starting) {
                host.enter(at, State::Crashed);
            }
            host.now += decisions.again_ms.unwrap_or(0);
        }
        // Nine doublings from a second, then one every five minutes.
        prop_assert!(starts <= 10 + length / 300_000, "{} starts in {} ms", starts, length);
    }
}
