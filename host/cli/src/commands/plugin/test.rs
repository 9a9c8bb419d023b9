//! `muster plugin test`

use std::{io::IsTerminal, path::PathBuf};

use clap::Args;
use muster_conformance::ConformanceError;

use super::{Scope, read};
use crate::{
    failure::{Exit, Failure},
    output::Format,
};

/// Which plugin.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The plugin's component
    file: PathBuf,
}

/// Puts a plugin through the suite of its world.
///
/// # Errors
/// If the file is no plugin, or the plugin fails a case, which is told all the
/// same.
pub async fn run(scope: &Scope, args: TestArgs) -> Result<(), Failure> {
    let wasm = read(&args.file)?;
    let watched = scope.output.format() == Format::Table && std::io::stderr().is_terminal();
    let tested = tokio::task::spawn_blocking(move || {
        muster_conformance::run(&wasm, |case| {
            if watched {
                // Compiling and some cases take seconds.
                eprintln!(
                    "{} {}",
                    if case.passed { "pass" } else { "FAIL" },
                    case.name
                );
            }
        })
    });
    let report = tested
        .await
        .map_err(|error| Failure::new(Exit::Failure, format!("the suite broke off: {error}")))?
        .map_err(|error| failure(&args, &error))?;
    scope.output.show(&report)?;
    match report.failures() {
        0 => Ok(()),
        failures => Err(Failure::new(
            Exit::Failure,
            format!(
                "{} fails {failures} of {} cases",
                report.name,
                report.cases.len()
            ),
        )),
    }
}

fn failure(args: &TestArgs, error: &ConformanceError) -> Failure {
    match error {
        ConformanceError::Plugin(_) => Failure::usage(format!("{}: {error}", args.file.display()))
            .hint("`muster plugin check` says what it is"),
        _ => Failure::new(Exit::Failure, error.to_string()),
    }
}
