//! Two servers under the same load, in turns.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::{
    Effort,
    report::{Outcome, Table, median, ratio},
};
use crate::{
    step::Step,
    wrk::{self, Load, Measure},
};

/// How many connections stay open.
pub const CONNECTIONS: u32 = 32;
/// How long each side warms up, in seconds.
pub const WARM_UP: u64 = 3;

/// Something to load.
pub struct Target {
    /// Its name in the table.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The host name that it is asked for.
    pub host: &'static str,
}

/// Loads both in turns. Muster should reach `mark` times the others' rate.
///
/// # Errors
/// If a request fails.
pub fn run(
    ours: &Target,
    theirs: &Target,
    mark: f64,
    effort: Effort,
    step: &Step,
) -> Result<Outcome> {
    wrk::prepare(step)?;
    let load = |target: &Target, seconds| {
        let url = format!("http://{}/", target.address);
        let load = Load {
            connections: CONNECTIONS,
            seconds,
        };
        wrk::run(&url, target.host, load)
            .with_context(|| format!("could not measure {}", target.name))
    };
    let targets = [ours, theirs];
    for target in targets {
        load(target, WARM_UP)?;
    }
    let mut sides = targets.map(|target| (target.name, Vec::new()));
    for round in 1..=effort.rounds {
        for (target, (_, rounds)) in targets.iter().zip(&mut sides) {
            let measured = load(target, effort.seconds)?;
            step.say(&format!(
                "  round {round}, {}: {:.0} requests/s",
                target.name, measured.rate
            ));
            rounds.push(measured);
        }
    }
    Ok(outcome(&sides, mark))
}

fn outcome(sides: &[(&'static str, Vec<Measure>); 2], mark: f64) -> Outcome {
    let middle = |rounds: &[Measure]| {
        let of = |field: fn(&Measure) -> f64| median(rounds.iter().map(field).collect());
        Measure {
            rate: of(|m| m.rate),
            p50: of(|m| m.p50),
            p99: of(|m| m.p99),
        }
    };
    let medians = sides
        .each_ref()
        .map(|(name, rounds)| (*name, middle(rounds)));
    let rows = medians.iter().map(|(name, m)| {
        vec![
            (*name).to_owned(),
            format!("{:.0}", m.rate),
            format!("{:.2}", m.p50 / 1e3),
            format!("{:.2}", m.p99 / 1e3),
        ]
    });
    let [(_, our), (_, their)] = &medians;
    Outcome {
        table: Table {
            head: &["", "requests/s", "p50, ms", "p99, ms"],
            rows: rows.collect(),
        },
        verdict: ratio(our.rate / their.rate, mark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &'static str, rates: &[f64]) -> (&'static str, Vec<Measure>) {
        let rounds = rates.iter().map(|rate| Measure {
            rate: *rate,
            p50: 1100.0,
            p99: 2345.0,
        });
        (name, rounds.collect())
    }

    #[test]
    fn medians_race_each_other() {
        let sides = [
            side("muster", &[400.0, 900.0, 450.0]),
            side("other", &[100.0, 10.0, 100.0]),
        ];
        let outcome = outcome(&sides, 4.0);
        assert_eq!(outcome.table.rows[0], ["muster", "450", "1.10", "2.35"]);
        assert_eq!(outcome.table.rows[1][..2], ["other", "100"]);
        assert!(
            outcome.verdict.starts_with("Ratio 4.50;"),
            "{}",
            outcome.verdict
        );
    }
}
