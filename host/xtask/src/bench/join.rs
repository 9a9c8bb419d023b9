//! How soon a host is of use to a leader.

use std::time::Instant;

use anyhow::Result;

use super::{
    Benchmark, Rig,
    group::{Group, Member},
    report::{Outcome, Table, limit, median},
    wait_for,
};
use crate::step::Step;

pub const BENCHMARK: Benchmark = Benchmark {
    name: "join",
    title: "Linking a host",
    question: "`muster link join TOKEN` on a host that has just started, from the start of the \
               command until the leader's `muster link list` shows the host as Ready. Both \
               commands' own time is part of it.",
    measure,
};

/// In seconds.
const MARK: f64 = 1.0;

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let folder = rig.folder.join(BENCHMARK.name);
    let group = Group::start(rig, &folder, &["leader"], step)?;
    let leader = group.leader();
    let (mut linked, mut ready) = (Vec::new(), Vec::new());
    for round in 1..=rig.effort.rounds {
        let other = Member::start(rig, &folder, &format!("host-{round}"), step)?;
        let token = leader.token()?;
        let start = Instant::now();
        other.link_to(&token)?;
        linked.push(start.elapsed().as_secs_f64());
        wait_for("the host is ready", || leader.sees_ready(&other.name))?;
        let took = start.elapsed().as_secs_f64();
        step.say(&format!("  round {round}: ready after {took:.3} s"));
        ready.push(took);
    }
    let row = |name: &str, times: &[f64]| {
        let longest = times.iter().copied().fold(0.0, f64::max);
        vec![
            name.to_owned(),
            format!("{:.3}", median(times.to_vec())),
            format!("{longest:.3}"),
        ]
    };
    Ok(Outcome {
        table: Table {
            head: &["", "median, s", "longest, s"],
            rows: vec![
                row("the command is done", &linked),
                row("the leader shows the host as Ready", &ready),
            ],
        },
        verdict: limit(median(ready), MARK),
    })
}
