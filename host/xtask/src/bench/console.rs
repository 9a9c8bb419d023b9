//! How small and quick the console is.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    Benchmark, Rig,
    group::Member,
    report::{Outcome, Table, limit},
};
use crate::{
    browser, servers,
    step::{Step, ask},
};

pub const BENCHMARK: Benchmark = Benchmark {
    name: "console",
    title: "The console in a browser",
    question: "Headless Chromium opens the console for the first time, without anything in its \
               cache, until somebody can type in the first field. Then a table of 5,000 rows is \
               scrolled from its top to its end, most of a screen with every frame.",
    measure,
};

/// Until somebody can do something, in seconds.
const MARK: f64 = 1.0;

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    servers::prepare(rig.project, step)?;
    let folder = rig.folder.join(BENCHMARK.name);
    let host = Member::start(rig, &folder, "north", step)?;
    let work = folder.join("scripts");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let told = json!({
        "hosts": [{ "name": host.name, "url": host.url() }],
        "password": rig.password,
        "rounds": rig.effort.rounds,
    });
    let printed = ask(&mut browser::script(rig.project, &work, "speed", &told)?)?;
    let figures: Value = serde_json::from_str(&printed).context("the script prints no figures")?;
    let number = |field: &str| {
        let value = figures[field].as_f64();
        value.with_context(|| format!("no figure named {field}"))
    };
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let interactive = number("interactive_ms")?;
    Ok(Outcome {
        table: Table {
            head: &["", ""],
            rows: vec![
                row(
                    "over the wire, KiB",
                    format!("{:.0}", number("bytes")? / 1024.0),
                ),
                row("until it can be used, ms", format!("{interactive:.0}")),
                row("screens scrolled", format!("{:.0}", number("screens")?)),
                row(
                    "without a row in the middle",
                    format!("{:.0}", number("empty")?),
                ),
                row(
                    "rows drawn at most",
                    format!("{:.0}", number("rows_drawn")?),
                ),
                row(
                    "half of the frames within, ms",
                    format!("{:.1}", number("frame_p50_ms")?),
                ),
                row(
                    "95 of 100 frames within, ms",
                    format!("{:.1}", number("frame_p95_ms")?),
                ),
            ],
        },
        verdict: limit(interactive / 1e3, MARK),
    })
}
