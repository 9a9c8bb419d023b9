//! A droplet execution agent: starts what should run here, stops what should
//! not, and ends roll-outs.

use muster_sdk::{
    dea::{
        Action, Dea, Decisions, Desired, Instance, Rollout, Share, Snapshot, Start, State, Stop,
    },
    log,
};

/// How long an instance may finish its requests, in milliseconds.
const GRACE: u64 = 30_000;
/// How long to wait before something that crashed is started again, in
/// milliseconds.
const PAUSE: u64 = 1_000;

#[derive(Default)]
struct Plugin;

impl Dea for Plugin {
    fn decide(&mut self, snapshot: Snapshot) -> Decisions {
        let mut decisions = Decisions {
            actions: vec![],
            again_ms: None,
        };
        if !snapshot.evacuating {
            for app in &snapshot.desired {
                start(&mut decisions, app, &snapshot.instances);
            }
        }
        for instance in &snapshot.instances {
            end(&mut decisions, instance, &snapshot);
        }
        decisions
    }
}

/// Starts what an app lacks, and ends its roll-out once that has succeeded or
/// failed.
fn start(decisions: &mut Decisions, app: &Desired, instances: &[Instance]) {
    let mut missing = |share: &Share| {
        for index in &share.indexes {
            if !instances.iter().any(|it| is_at(it, app, share, *index)) {
                decisions.actions.push(Action::Start(Start {
                    app: app.app.clone(),
                    release: share.release,
                    index: *index,
                }));
            }
        }
    };
    if let Some(current) = &app.current {
        missing(current);
    }
    let Some(next) = &app.next else {
        return;
    };
    let own = || {
        let all = instances.iter();
        all.filter(|it| {
            next.indexes
                .iter()
                .any(|index| is_at(it, app, next, *index))
        })
    };
    let crashed = own().find(|it| it.state == State::Crashed);
    let running = own().filter(|it| it.state == State::Running).count();
    let serves = |current: &Share| current.release == next.release;
    let failure = match crashed {
        // It was promoted, and nobody has said that the roll-out is over.
        _ if app.current.as_ref().is_some_and(serves) => None,
        Some(it) => {
            let reason = it.reason.as_deref().unwrap_or("no reason is known");
            log::warn("roll-out", format_args!("{} crashed: {reason}", it.id));
            Some(format!("instance {} crashed: {reason}", it.index))
        }
        None if running >= next.indexes.len() => None,
        None => return missing(next),
    };
    decisions.actions.push(Action::Finish(Rollout {
        app: app.app.clone(),
        release: next.release,
        failure,
    }));
}

/// Stops an instance that should not run here, and forgets one that crashed.
fn end(decisions: &mut Decisions, instance: &Instance, snapshot: &Snapshot) {
    let wanted = snapshot.desired.iter().any(|app| {
        let shares = app.current.iter().chain(&app.next);
        shares.into_iter().any(|share| {
            let mut indexes = share.indexes.iter();
            indexes.any(|index| is_at(instance, app, share, *index))
        })
    });
    let wanted = wanted && !snapshot.evacuating;
    match instance.state {
        State::Crashed if wanted && instance.since_ms < PAUSE => {
            let rest = PAUSE - instance.since_ms;
            decisions.again_ms = Some(decisions.again_ms.map_or(rest, |again| again.min(rest)));
        }
        State::Crashed => decisions.actions.push(Action::Forget(instance.id.clone())),
        State::Starting | State::Running if !wanted => {
            decisions.actions.push(Action::Stop(Stop {
                instance: instance.id.clone(),
                reason: "it should not run on this host".to_owned(),
                grace_ms: GRACE,
            }));
        }
        State::Starting | State::Running | State::Stopping => {}
    }
}

/// Whether an instance has this place, and is not on its way out.
fn is_at(instance: &Instance, app: &Desired, share: &Share, index: u32) -> bool {
    instance.app == app.app
        && instance.release == share.release
        && instance.index == index
        && instance.state != State::Stopping
}

muster_sdk::dea::export!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    fn share(release: u64, indexes: &[u32]) -> Share {
        Share {
            release,
            indexes: indexes.to_vec(),
        }
    }

    fn instance(release: u64, index: u32, state: State) -> Instance {
        Instance {
            id: format!("{release}-{index}"),
            app: "shop".to_owned(),
            release,
            index,
            state,
            since_ms: 0,
            reason: None,
        }
    }

    fn decide(
        current: Option<Share>,
        next: Option<Share>,
        instances: Vec<Instance>,
    ) -> Vec<Action> {
        let snapshot = Snapshot {
            now_ms: 0,
            evacuating: false,
            desired: vec![Desired {
                app: "shop".to_owned(),
                current,
                next,
            }],
            instances,
        };
        Plugin.decide(snapshot).actions
    }

    #[test]
    fn what_lacks_is_started_and_what_is_too_much_is_stopped() {
        let running = vec![
            instance(1, 0, State::Running),
            instance(1, 7, State::Running),
        ];
        let actions = decide(Some(share(1, &[0, 1])), None, running);
        assert!(matches!(&actions[0], Action::Start(start) if start.index == 1));
        assert!(matches!(&actions[1], Action::Stop(stop) if stop.instance == "1-7"));
        assert_eq!(actions.len(), 2);
    }

    #[test]
    fn a_roll_out_ends_when_all_run_or_one_crashed() {
        for (state, failed) in [(State::Running, false), (State::Crashed, true)] {
            let both = vec![instance(1, 0, State::Running), instance(2, 0, state)];
            let actions = decide(Some(share(1, &[0])), Some(share(2, &[0])), both);
            let [Action::Finish(end)] = &actions[..] else {
                panic!("{actions:?}");
            };
            assert_eq!((end.release, end.failure.is_some()), (2, failed));
        }
    }
}
