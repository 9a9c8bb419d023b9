use super::*;

fn desired(current: Option<Release>, next: Option<Release>, instances: u32) -> Vec<Desired> {
    let share = |release| Share {
        release,
        indexes: (0..instances).collect(),
    };
    vec![Desired {
        app: "a".to_owned(),
        current: current.map(share),
        next: next.map(share),
    }]
}

fn instance(release: Release, index: u32, state: State) -> Instance {
    let id = format!("{release}.{index}.{}", state as u8);
    Instance {
        id,
        app: "a".to_owned(),
        release,
        index,
        state,
        since_ms: 0,
        reason: None,
    }
}

fn snapshot(desired: Vec<Desired>, instances: Vec<Instance>) -> Snapshot {
    Snapshot {
        now_ms: 1_000_000,
        evacuating: false,
        desired,
        instances,
    }
}

/// The decisions in short: `+release.index`, `-id`, `x id`, `ok release`,
/// `failed release: reason`.
fn short(snapshot: &Snapshot) -> Vec<String> {
    actions(&decide(snapshot, &mut Crashes::default()))
}

fn actions(decisions: &Decisions) -> Vec<String> {
    let one = |action: &Action| match action {
        Action::Start(start) => format!("+{}.{}", start.release, start.index),
        Action::Stop(stop) => format!("-{}", stop.instance),
        Action::Forget(id) => format!("x {id}"),
        Action::Finish(Rollout {
            release,
            failure: None,
            ..
        }) => format!("ok {release}"),
        Action::Finish(Rollout {
            release,
            failure: Some(reason),
            ..
        }) => format!("failed {release}: {reason}"),
    };
    decisions.actions.iter().map(one).collect()
}

use State::{Crashed, Running, Starting, Stopping};

#[test]
fn missing_indexes_are_started_and_surplus_ones_stopped() {
    let present = vec![instance(1, 1, Running), instance(1, 2, Stopping)];
    assert_eq!(
        short(&snapshot(desired(Some(1), None, 3), present)),
        ["+1.0", "+1.2"]
    );
    let present = vec![
        instance(1, 0, Running),
        instance(1, 1, Running),
        instance(1, 2, Starting),
    ];
    assert_eq!(
        short(&snapshot(desired(Some(1), None, 1), present)),
        ["-1.1.1", "-1.2.0"]
    );
}

#[test]
fn a_surplus_instance_serves_on_while_others_do_not() {
    let mut present = vec![instance(1, 0, Starting), instance(1, 5, Running)];
    assert!(short(&snapshot(desired(Some(1), None, 1), present.clone())).is_empty());
    present[0].state = Running;
    assert_eq!(
        short(&snapshot(desired(Some(1), None, 1), present)),
        ["-1.5.1"]
    );
}

#[test]
fn of_two_instances_in_one_place_the_running_one_stays() {
    let present = vec![instance(1, 0, Starting), instance(1, 0, Running)];
    assert_eq!(
        short(&snapshot(desired(Some(1), None, 1), present)),
        ["-1.0.0"]
    );
}

#[test]
fn a_first_release_starts_and_becomes_current() {
    assert_eq!(
        short(&snapshot(desired(None, Some(1), 2), vec![])),
        ["+1.0", "+1.1"]
    );
    let half = vec![instance(1, 0, Running), instance(1, 1, Starting)];
    assert!(short(&snapshot(desired(None, Some(1), 2), half)).is_empty());
    let all = vec![instance(1, 0, Running), instance(1, 1, Running)];
    assert_eq!(short(&snapshot(desired(None, Some(1), 2), all)), ["ok 1"]);
}

#[test]
fn a_roll_out_leaves_the_current_release_alone() {
    let present = vec![
        instance(1, 0, Running),
        instance(1, 1, Running),
        instance(2, 0, Running),
    ];
    assert_eq!(
        short(&snapshot(desired(Some(1), Some(2), 2), present)),
        ["+2.1"]
    );
}

#[test]
fn the_replaced_release_stops_once_the_current_one_runs_in_full() {
    let mut present = vec![
        instance(1, 0, Running),
        instance(2, 0, Running),
        instance(2, 1, Starting),
    ];
    assert!(short(&snapshot(desired(Some(2), None, 2), present.clone())).is_empty());
    present[2].state = Running;
    assert_eq!(
        short(&snapshot(desired(Some(2), None, 2), present)),
        ["-1.0.1"]
    );
}

#[test]
fn a_crash_ends_a_roll_out_with_its_reason() {
    let mut crashed = instance(2, 1, Crashed);
    crashed.reason = Some("out of memory".to_owned());
    let present = vec![instance(1, 0, Running), instance(2, 0, Starting), crashed];
    let failed = short(&snapshot(desired(Some(1), Some(2), 2), present.clone()));
    assert_eq!(
        failed,
        ["failed 2: instance 1 crashed: out of memory", "+1.1"]
    );

    let cleared = short(&snapshot(desired(Some(1), None, 2), present));
    assert_eq!(
        cleared,
        ["+1.1", "-2.0.0", "x 2.1.3"],
        "given up, so nothing waits for it"
    );
}

#[test]
fn without_instances_a_roll_out_succeeds_at_once_and_all_stop() {
    let present = vec![instance(1, 0, Running)];
    assert_eq!(
        short(&snapshot(desired(Some(1), Some(2), 0), present.clone())),
        ["ok 2", "-1.0.1"]
    );
    assert_eq!(
        short(&snapshot(desired(Some(2), None, 0), present)),
        ["-1.0.1"]
    );
}

#[test]
fn a_release_that_is_current_already_needs_no_roll_out() {
    let present = vec![instance(1, 0, Starting)];
    assert_eq!(
        short(&snapshot(desired(Some(1), Some(1), 1), present)),
        ["ok 1"]
    );
}

#[test]
fn a_crash_is_shown_during_the_pause_and_then_replaced() {
    let mut crashes = Crashes::default();
    let mut now = snapshot(desired(Some(1), None, 1), vec![instance(1, 0, Crashed)]);
    let waiting = decide(&now, &mut crashes);
    assert_eq!((actions(&waiting), waiting.again_ms), (vec![], Some(1_000)));
    now.now_ms += 1_000;
    now.instances[0].since_ms += 1_000;
    let due = decide(&now, &mut crashes);
    assert_eq!(
        (actions(&due), due.again_ms),
        (vec!["x 1.0.3".to_owned(), "+1.0".to_owned()], None)
    );
}

#[test]
fn the_earliest_end_of_a_pause_is_when_to_ask_again() {
    let mut early = instance(1, 1, Crashed);
    early.since_ms = 700;
    let decisions = decide(
        &snapshot(
            desired(Some(1), None, 2),
            vec![instance(1, 0, Crashed), early],
        ),
        &mut Crashes::default(),
    );
    assert_eq!(decisions.again_ms, Some(300));
}

#[test]
fn what_should_not_run_here_is_cleared() {
    let present = vec![
        instance(1, 0, Running),
        instance(1, 1, Crashed),
        instance(1, 2, Stopping),
    ];
    assert_eq!(short(&snapshot(vec![], present)), ["-1.0.1", "x 1.1.3"]);
}

#[test]
fn an_emptied_host_stops_everything_and_starts_nothing() {
    let present = vec![
        instance(1, 0, Running),
        instance(2, 0, Starting),
        instance(2, 1, Crashed),
    ];
    let mut now = snapshot(desired(Some(1), Some(2), 3), present);
    now.evacuating = true;
    assert_eq!(short(&now), ["-1.0.1", "-2.0.0", "x 2.1.3"]);
}

#[test]
fn a_host_keeps_to_its_share_of_the_indexes() {
    let share = |release, indexes: &[u32]| {
        Some(Share {
            release,
            indexes: indexes.to_vec(),
        })
    };
    let wanted = |current, next| {
        vec![Desired {
            app: "a".to_owned(),
            current,
            next,
        }]
    };
    let present = vec![instance(1, 0, Running), instance(1, 3, Running)];
    assert_eq!(
        short(&snapshot(wanted(share(1, &[3, 5]), None), present.clone())),
        ["+1.5"],
        "what is not its own serves on until its own does"
    );
    assert_eq!(
        short(&snapshot(wanted(share(1, &[3]), None), present.clone())),
        ["-1.0.1"]
    );
    assert_eq!(
        short(&snapshot(wanted(share(1, &[]), share(2, &[])), present)),
        ["ok 2", "-1.0.1", "-1.3.1"],
        "a host without a share waits for nothing"
    );
    let crashed = vec![instance(2, 0, Crashed)];
    assert_eq!(
        short(&snapshot(wanted(share(1, &[]), share(2, &[1])), crashed)),
        ["+2.1"],
        "a crash at an index that is not its own ends no roll-out"
    );
}
