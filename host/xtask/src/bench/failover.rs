//! How soon another host leads when the one that did is gone.

use std::time::Instant;

use anyhow::Result;

use super::{
    Benchmark, PATIENCE, Rig,
    group::{Group, Member},
    measure::Measure,
    report::{Outcome, Table, limit, median},
    wait_for,
};
use crate::step::Step;

pub const BENCHMARK: Benchmark = Benchmark {
    name: "failover",
    title: "Another host leads",
    question: "A cluster of three control-plane hosts with their state in PostgreSQL. The one \
               that leads is killed (`kill -9`); from then until another one has taken a change, \
               which a client asks it for all the time.",
    measure,
};

/// In seconds.
const MARK: f64 = 10.0;
const NAMES: [&str; 3] = ["north", "south", "west"];

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let measure = Measure::build(rig, step)?;
    let mut times = Vec::new();
    for round in 1..=rig.effort.rounds {
        let took = self::round(rig, &measure, round, step)?;
        step.say(&format!("  round {round}: {took:.2} s"));
        times.push(took);
    }
    let rows = (1..).zip(&times);
    Ok(Outcome {
        table: Table {
            head: &["round", "s"],
            rows: rows
                .map(|(round, time): (u64, _)| vec![round.to_string(), format!("{time:.2}")])
                .collect(),
        },
        verdict: limit(median(times), MARK),
    })
}

fn round(rig: &Rig, measure: &Measure, round: u64, step: &Step) -> Result<f64> {
    let (_database, url) = measure.database(rig, step)?;
    let folder = rig.folder.join(BENCHMARK.name).join(round.to_string());
    let on_postgres = [format!("--database-url={url}")];
    let mut members = vec![Member::start_with(
        rig,
        &folder,
        NAMES[0],
        &on_postgres,
        step,
    )?];
    for name in &NAMES[1..] {
        members.push(Member::start(rig, &folder, name, step)?);
    }
    let mut group = Group { members };
    group.link()?;
    let control = format!("--control-plane={}", NAMES.join(","));
    group
        .leader()
        .ask(["cluster", "create", "all", &control, "--yes"])?;
    let other = &group.members[1];
    wait_for("a host that stands by lets people in", || {
        Ok(other.login(rig, step).is_ok())
    })?;
    other.ask(["project", "create", "before"])?;
    let killed = Instant::now();
    group.members[0].kill();
    let other = &group.members[1];
    let mut tries = 0;
    loop {
        tries += 1;
        let changed = other.ask(["project", "create", &format!("after-{tries}")]);
        match changed {
            Ok(_) => return Ok(killed.elapsed().as_secs_f64()),
            Err(error) if killed.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
    }
}
