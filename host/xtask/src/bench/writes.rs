//! How many changes a second a host takes, on either database.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    Benchmark, Rig,
    group::Member,
    measure::Measure,
    report::{Outcome, Table, median},
};
use crate::step::Step;

pub const BENCHMARK: Benchmark = Benchmark {
    name: "writes",
    title: "Changes by the API, on SQLite and on PostgreSQL",
    question: "Sixteen clients change the description of a project each, one change after the \
               other: a row, an entry in the audit log and an event in one transaction, which \
               is on disk when the answer comes. PostgreSQL runs on the same machine, with \
               `fsync`.",
    measure,
};

const CLIENTS: &str = "16";

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let measure = Measure::build(rig, step)?;
    let (_database, url) = measure.database(rig, step)?;
    let folder = rig.folder.join(BENCHMARK.name);
    let on_postgres = [format!("--database-url={url}")];
    let mut sides: [(_, _, Vec<Value>); 2] = [
        (
            "SQLite",
            Member::start(rig, &folder, "sqlite", step)?,
            Vec::new(),
        ),
        (
            "PostgreSQL",
            Member::start_with(rig, &folder, "postgres", &on_postgres, step)?,
            Vec::new(),
        ),
    ];
    for (_, host, _) in &sides {
        host.take_any_rate()?;
    }
    let seconds = rig.effort.seconds.to_string();
    for round in 1..=rig.effort.rounds {
        for (name, host, rounds) in &mut sides {
            let arguments = ["writes", &host.url(), &seconds, CLIENTS];
            let figures = measure.start(&arguments, &rig.password)?.figures()?;
            step.say(&format!("  round {round}, {name}: {figures}"));
            rounds.push(figures);
        }
    }
    let middle = |rounds: &[Value], field: &str| {
        let values: Option<Vec<_>> = rounds.iter().map(|it| it[field].as_f64()).collect();
        values
            .map(median)
            .with_context(|| format!("no figure named {field}"))
    };
    let mut rows = Vec::new();
    for (name, _, rounds) in &sides {
        rows.push(vec![
            (*name).to_owned(),
            format!("{:.0}", middle(rounds, "rate")?),
            format!("{:.1}", middle(rounds, "p50_ms")?),
            format!("{:.1}", middle(rounds, "p99_ms")?),
        ]);
    }
    let ratio = middle(&sides[1].2, "rate")? / middle(&sides[0].2, "rate")?;
    Ok(Outcome {
        table: Table {
            head: &["", "changes/s", "p50, ms", "p99, ms"],
            rows,
        },
        verdict: format!("On PostgreSQL {ratio:.2} of what SQLite takes; there is no mark."),
    })
}
