//! Whether a leader keeps up with a thousand hosts.

use anyhow::{Context, Result};

use super::{
    Benchmark, Rig,
    group::Member,
    measure::Measure,
    report::{Outcome, Table},
};
use crate::step::Step;

pub const BENCHMARK: Benchmark = Benchmark {
    name: "heartbeats",
    title: "A thousand hosts that say hello",
    question: "A leader and a thousand simulated hosts, which run nothing: each joins with a \
               link token, says hello every two seconds over a connection of its own with \
               mutual TLS, and waits for news all the time. They run on the same machine and \
               take their share of it.",
    measure,
};

const HOSTS: usize = 1_000;

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let measure = Measure::build(rig, step)?;
    let folder = rig.folder.join(BENCHMARK.name);
    let leader = Member::start(rig, &folder, "leader", step)?;
    leader.take_any_rate()?;
    let first = leader.token()?;
    let told = leader.ask(["link", "list"])?;
    let os = told["items"][0]["os"].as_str();
    let os = os.context("the leader tells no operating system")?;
    let seconds = (rig.effort.rounds * rig.effort.seconds).to_string();
    let mut hosts = measure.start(&["hosts", os, &seconds], "")?;
    hosts.give(&first)?;
    for _ in 1..HOSTS {
        hosts.give(&leader.token()?)?;
    }
    hosts.end_input();
    let joined = hosts.line()?;
    step.say(&format!("  {HOSTS} hosts have joined: {joined}"));
    let before = leader.busy()?;
    let figures = hosts.figures()?;
    let busy = leader.busy()? - before;
    let told = leader.ask(["link", "list"])?;
    step.say(&format!("  {figures}"));
    let all = told["items"].as_array().into_iter().flatten();
    let ready = all.filter(|it| it["state"] == "ready").count();
    let number = |field: &str| {
        let value = figures[field].as_f64();
        value.with_context(|| format!("no figure named {field}"))
    };
    let (answered, failed) = (number("answered")?, number("failed")?);
    Ok(Outcome {
        table: Table {
            head: &["", ""],
            rows: vec![
                vec!["seconds".to_owned(), seconds],
                vec!["heartbeats answered".to_owned(), format!("{answered:.0}")],
                vec!["heartbeats not answered".to_owned(), format!("{failed:.0}")],
                vec!["p50, ms".to_owned(), format!("{:.1}", number("p50_ms")?)],
                vec!["p99, ms".to_owned(), format!("{:.1}", number("p99_ms")?)],
                vec![
                    "the leader's share of one core".to_owned(),
                    format!("{:.2}", busy / number("lasted_s")?),
                ],
                vec![
                    "hosts shown as ready at the end".to_owned(),
                    ready.to_string(),
                ],
            ],
        },
        verdict: format!(
            "{:.2} % of the heartbeats were answered; there is no mark.",
            100.0 * answered / (answered + failed)
        ),
    })
}
