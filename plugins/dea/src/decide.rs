//! Compares what should run with what does.

use std::collections::{BTreeMap, BTreeSet};

use muster_sdk::dea::{
    Action, Decisions, Desired, Instance, Release, Rollout, Share, Snapshot, Start, State, Stop,
};

use crate::backoff::{Crashes, Place};

/// How long an instance may finish its requests, in milliseconds.
pub const GRACE: u64 = 30_000;

/// Why an instance that is one too many is stopped.
const SURPLUS: &str = "the app has more instances here than it should";

/// Decides what to do about a snapshot, given the crashes so far.
pub fn decide(snapshot: &Snapshot, crashes: &mut Crashes) -> Decisions {
    let desired: BTreeMap<&str, &Desired> = snapshot
        .desired
        .iter()
        .map(|desired| (desired.app.as_str(), desired))
        .collect();
    crashes.observe(snapshot, |place| {
        desired.get(place.app.as_str()).is_some_and(|desired| {
            let current = desired.current.as_ref();
            current.is_some_and(|share| {
                share.release == place.release && share.indexes.contains(&place.index)
            })
        })
    });

    let mut instances: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for instance in &snapshot.instances {
        instances.entry(&instance.app).or_default().push(instance);
    }
    let mut plan = Plan {
        now: snapshot.now_ms,
        crashes,
        actions: vec![],
        again: None,
    };
    for wanted in &snapshot.desired {
        let present = instances.remove(wanted.app.as_str()).unwrap_or_default();
        if snapshot.evacuating {
            plan.clear(&present, "the host is being emptied");
        } else {
            plan.app(wanted, &present);
        }
    }
    // What is left belongs to no app that should run here. In the snapshot's
    // order, so that equal snapshots give equal decisions.
    let gone: Vec<_> = snapshot
        .instances
        .iter()
        .filter(|instance| instances.contains_key(instance.app.as_str()))
        .collect();
    plan.clear(&gone, "the app should not run on this host");
    Decisions {
        actions: plan.actions,
        again_ms: plan.again,
    }
}

/// Decisions in the making.
struct Plan<'a> {
    now: u64,
    crashes: &'a Crashes,
    actions: Vec<Action>,
    again: Option<u64>,
}

impl Plan<'_> {
    /// Brings one app to what is wanted of it.
    fn app(&mut self, wanted: &Desired, present: &[&Instance]) {
        let of = |share: &Share| -> Vec<_> {
            present
                .iter()
                .copied()
                .filter(|instance| instance.release == share.release)
                .collect()
        };
        let (current, next) = (release(&wanted.current), release(&wanted.next));
        if let Some(next) = &wanted.next {
            self.roll_out(wanted, next, &of(next));
        }
        if let Some(current) = &wanted.current {
            self.keep(wanted, current, &of(current));
        }

        let served = wanted
            .current
            .as_ref()
            .is_some_and(|share| full(share, &of(share)));
        for instance in present {
            let release = instance.release;
            if current == Some(release) || next == Some(release) {
                continue;
            }
            // A release after the current one never served: its roll-out was
            // given up. An earlier one serves until the current one does.
            let (may_stop, reason) = match current {
                Some(current) if release < current => (
                    served,
                    format!("release {release} was replaced by {current}"),
                ),
                _ => (
                    true,
                    format!("the roll-out of release {release} was given up"),
                ),
            };
            if instance.state == State::Crashed || may_stop {
                self.clear(&[instance], &reason);
            }
        }
    }

    /// Starts the release that is rolled out, and ends the roll-out once it
    /// has succeeded or failed.
    fn roll_out(&mut self, wanted: &Desired, next: &Share, present: &[&Instance]) {
        let crashed = |instance: &&&Instance| {
            instance.state == State::Crashed && next.indexes.contains(&instance.index)
        };
        if release(&wanted.current) == Some(next.release) {
            return self.finish(wanted, next.release, None);
        }
        if let Some(instance) = present.iter().find(crashed) {
            let reason = instance
                .reason
                .as_deref()
                .unwrap_or("it ended without a reason");
            self.finish(
                wanted,
                next.release,
                Some(format!("instance {} crashed: {reason}", instance.index)),
            );
        } else if full(next, present) {
            self.finish(wanted, next.release, None);
        } else {
            for index in free(next, present) {
                self.start(wanted, next.release, index);
            }
        }
        self.clear(&surplus(next, present), SURPLUS);
    }

    /// Keeps the instances of the current release that are this host's.
    fn keep(&mut self, wanted: &Desired, current: &Share, present: &[&Instance]) {
        let free = free(current, present);
        let mut paused = BTreeSet::new();
        for &index in &free {
            let pause = self.crashes.pause(
                &Place {
                    app: wanted.app.clone(),
                    release: current.release,
                    index,
                },
                self.now,
            );
            if pause > 0 {
                paused.insert(index);
                self.again = Some(self.again.map_or(pause, |again| again.min(pause)));
            }
        }
        // During the pause people can still see what crashed and why.
        let over = present
            .iter()
            .filter(|it| it.state == State::Crashed && !paused.contains(&it.index));
        for instance in over {
            self.actions.push(Action::Forget(instance.id.clone()));
        }
        for index in free.into_iter().filter(|index| !paused.contains(index)) {
            self.start(wanted, current.release, index);
        }
        // A running one serves on while others of its release do not.
        let mut surplus = surplus(current, present);
        surplus.retain(|instance| instance.state == State::Starting || full(current, present));
        self.clear(&surplus, SURPLUS);
    }

    fn start(&mut self, wanted: &Desired, release: Release, index: u32) {
        self.actions.push(Action::Start(Start {
            app: wanted.app.clone(),
            release,
            index,
        }));
    }

    fn finish(&mut self, wanted: &Desired, release: Release, failure: Option<String>) {
        self.actions.push(Action::Finish(Rollout {
            app: wanted.app.clone(),
            release,
            failure,
        }));
    }

    /// Stops what runs and forgets what crashed.
    fn clear(&mut self, instances: &[&Instance], reason: &str) {
        for instance in instances {
            self.actions.push(match instance.state {
                State::Starting | State::Running => Action::Stop(Stop {
                    instance: instance.id.clone(),
                    reason: reason.to_owned(),
                    grace_ms: GRACE,
                }),
                State::Crashed => Action::Forget(instance.id.clone()),
                State::Stopping => continue,
            });
        }
    }
}

fn release(share: &Option<Share>) -> Option<Release> {
    share.as_ref().map(|share| share.release)
}

/// Whether every index has a running instance.
fn full(share: &Share, present: &[&Instance]) -> bool {
    let running: BTreeSet<_> = present
        .iter()
        .filter(|it| it.state == State::Running)
        .map(|it| it.index)
        .collect();
    share.indexes.iter().all(|index| running.contains(index))
}

/// The indexes at which nothing runs or starts.
fn free(share: &Share, present: &[&Instance]) -> Vec<u32> {
    let live = |it: &&&Instance| matches!(it.state, State::Starting | State::Running);
    let taken: BTreeSet<_> = present.iter().filter(live).map(|it| it.index).collect();
    let indexes = share.indexes.iter().copied();
    indexes.filter(|index| !taken.contains(index)).collect()
}

/// What starts or runs at an index that is not this host's, or that another one
/// serves.
fn surplus<'a>(share: &Share, present: &[&'a Instance]) -> Vec<&'a Instance> {
    let mut taken = BTreeSet::new();
    let running = present.iter().filter(|it| it.state == State::Running);
    let starting = present.iter().filter(|it| it.state == State::Starting);
    running
        .chain(starting)
        .copied()
        .filter(|it| !share.indexes.contains(&it.index) || !taken.insert(it.index))
        .collect()
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
