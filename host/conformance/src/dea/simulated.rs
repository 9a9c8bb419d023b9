//! A host that does what a droplet execution agent says, and looks whether that
//! can be done.

use std::fmt::Write;

use muster_engine::plugin::{
    Plugin,
    execution::{Action, DeaWorld, Desired, Instance, Share, Snapshot, State},
};

use crate::bench::{Fault, ensure};

/// How long a round takes, in milliseconds.
const ROUND: u64 = 1_000;

/// A host at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    pub(super) now: u64,
    pub(super) evacuating: bool,
    pub(super) desired: Vec<Desired>,
    pub(super) instances: Vec<Instance>,
    /// The release whose instances crash as soon as they are started.
    pub(super) crashing: Option<u64>,
    /// Why roll-outs were given up.
    pub(super) failed: Vec<String>,
    /// How many instances were started.
    pub(super) started: u32,
}

pub(super) fn share(release: u64, indexes: &[u32]) -> Share {
    Share {
        release,
        indexes: indexes.to_vec(),
    }
}

pub(super) fn desired(app: &str, current: Option<Share>, next: Option<Share>) -> Desired {
    Desired {
        app: app.to_owned(),
        current,
        next,
    }
}

pub(super) fn instance(id: &str, app: &str, release: u64, index: u32, state: State) -> Instance {
    Instance {
        id: id.to_owned(),
        app: app.to_owned(),
        release,
        index,
        state,
        since_ms: 0,
        reason: None,
    }
}

fn is_live(instance: &Instance) -> bool {
    matches!(instance.state, State::Starting | State::Running)
}

impl Host {
    /// Lets the plugin decide, does all of it, and lets a round pass. Yields how
    /// many actions there were.
    pub(super) fn step(&mut self, plugin: &mut Plugin<DeaWorld>) -> Result<usize, Fault> {
        let actions = self.decide(plugin)?;
        self.now = self.now.saturating_add(ROUND);
        self.instances.retain(|it| it.state != State::Stopping);
        for instance in &mut self.instances {
            instance.since_ms = instance.since_ms.saturating_add(ROUND);
            if instance.state == State::Starting {
                instance.since_ms = 0;
                instance.state = if self.crashing == Some(instance.release) {
                    instance.reason = Some("told to crash".to_owned());
                    State::Crashed
                } else {
                    State::Running
                };
            }
        }
        Ok(actions)
    }

    /// Lets the plugin decide, and does all of it.
    pub(super) fn decide(&mut self, plugin: &mut Plugin<DeaWorld>) -> Result<usize, Fault> {
        self.desired.sort_by(|a, b| a.app.cmp(&b.app));
        let place = |it: &Instance| (it.app.clone(), it.release, it.index);
        self.instances.sort_by_key(place);
        let snapshot = Snapshot {
            now_ms: self.now,
            evacuating: self.evacuating,
            desired: self.desired.clone(),
            instances: self.instances.clone(),
        };
        let decisions = plugin.decide(&snapshot)?;
        let count = decisions.actions.len();
        for action in decisions.actions {
            self.carry_out(action)?;
        }
        Ok(count)
    }

    fn carry_out(&mut self, action: Action) -> Result<(), Fault> {
        match action {
            Action::Start(start) => {
                let place = format!(
                    "{:?}, release {}, index {}",
                    start.app, start.release, start.index
                );
                ensure!(
                    !self.evacuating,
                    "it starts {place} on a host that is being emptied"
                );
                let wanted = self.desired.iter().any(|it| {
                    let mut shares = it.current.iter().chain(&it.next);
                    it.app == start.app
                        && shares.any(|share| {
                            share.release == start.release && share.indexes.contains(&start.index)
                        })
                });
                ensure!(wanted, "it starts {place}, which should not run here");
                let mut live = self.instances.iter().filter(|it| is_live(it));
                let taken = live.any(|it| {
                    (&it.app, it.release, it.index) == (&start.app, start.release, start.index)
                });
                ensure!(!taken, "it starts {place}, which runs or starts already");
                self.started += 1;
                let id = format!("started-{}", self.started);
                let new = instance(&id, &start.app, start.release, start.index, State::Starting);
                self.instances.push(new);
            }
            Action::Stop(stop) => {
                let found = self.instances.iter_mut().find(|it| it.id == stop.instance);
                let Some(found) = found.filter(|it| it.state != State::Crashed) else {
                    return Err(Fault(format!(
                        "it stops the instance {:?}, which does not run",
                        stop.instance
                    )));
                };
                found.state = State::Stopping;
                found.since_ms = 0;
            }
            Action::Forget(id) => {
                let crashed = |it: &Instance| it.id == id && it.state == State::Crashed;
                let before = self.instances.len();
                self.instances.retain(|it| !crashed(it));
                ensure!(
                    self.instances.len() < before,
                    "it forgets the instance {id:?}, which has not crashed"
                );
            }
            Action::Finish(end) => {
                let instances = &self.instances;
                let app = self.desired.iter_mut().find(|it| it.app == end.app);
                let Some((app, next)) = app.and_then(|app| {
                    let next = app
                        .next
                        .clone()
                        .filter(|next| next.release == end.release)?;
                    Some((app, next))
                }) else {
                    return Err(Fault(format!(
                        "it ends a roll-out of {:?}, release {}, that there is not",
                        end.app, end.release
                    )));
                };
                match end.failure {
                    Some(failure) => self.failed.push(failure),
                    None => {
                        let runs = |index: &u32| {
                            instances.iter().any(|it| {
                                it.state == State::Running
                                    && (&it.app, it.release, it.index)
                                        == (&end.app, next.release, *index)
                            })
                        };
                        // What serves already need not run here to be rolled out.
                        let serves =
                            app.current.as_ref().map(|it| it.release) == Some(next.release);
                        ensure!(
                            serves || next.indexes.iter().all(runs),
                            "it ends the roll-out of {:?} before all of its instances run",
                            end.app
                        );
                        app.current = Some(next);
                    }
                }
                app.next = None;
            }
        }
        Ok(())
    }

    /// Whether exactly what should run does, and nothing else is there.
    pub(super) fn has_what_it_should(&self) -> bool {
        let settled = self.desired.iter().all(|it| it.next.is_none());
        settled && self.places() == self.wanted_places()
    }

    /// How many instances of an app run.
    pub(super) fn running(&self, app: &str) -> usize {
        let instances = self.instances.iter();
        instances
            .filter(|it| it.app == app && it.state == State::Running)
            .count()
    }

    /// Has the first instance of an app crash.
    pub(super) fn crash(&mut self, app: &str, why: &str) {
        if let Some(instance) = self.instances.iter_mut().find(|it| it.app == app) {
            instance.state = State::Crashed;
            instance.since_ms = 0;
            instance.reason = Some(why.to_owned());
        }
    }

    /// What is there, in words.
    pub(super) fn present(&self) -> String {
        listed(&self.places())
    }

    /// What should be there, in words.
    pub(super) fn wanted(&self) -> String {
        listed(&self.wanted_places())
    }

    fn places(&self) -> Vec<Place<'_>> {
        let places = self.instances.iter().map(|it| {
            let state = match it.state {
                State::Running => "",
                State::Starting => " (starting)",
                State::Stopping => " (stopping)",
                State::Crashed => " (crashed)",
            };
            (it.app.as_str(), it.release, it.index, state)
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places
    }

    fn wanted_places(&self) -> Vec<Place<'_>> {
        let places = self.desired.iter().flat_map(|it| {
            let share = it.current.iter();
            share.flat_map(|share| {
                let indexes = share.indexes.iter();
                indexes.map(|index| (it.app.as_str(), share.release, *index, ""))
            })
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places
    }
}

/// App, release, index, and what is there if it does not run.
type Place<'a> = (&'a str, u64, u32, &'static str);

/// How many there are, and the first ten.
fn listed(places: &[Place<'_>]) -> String {
    let mut text = format!("{} instances", places.len());
    for (app, release, index, state) in places.iter().take(10) {
        // Strings take whatever is written to them.
        let _ = write!(text, ", {app}/{release}/{index}{state}");
    }
    text
}
