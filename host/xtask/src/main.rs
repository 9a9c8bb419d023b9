//! The project's own chores: set-up, builds, run, test and bench.
//!
//! Needs nothing but the Rust toolchain; what else a chore needs, it installs.

mod bench;
mod browser;
mod build;
mod console;
mod debian;
mod fixtures;
mod guests;
mod host;
mod http;
mod listeners;
mod password;
mod project;
mod run;
mod sample;
mod screenshots;
mod servers;
mod step;
mod sysroot;
mod test;
mod toolchain;
mod wrk;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, builder::PossibleValuesParser, value_parser};

use crate::{
    bench::Effort,
    build::Profile,
    project::Project,
    step::Steps,
    toolchain::{CONSOLE_TARGET, GUEST_TARGET},
};

/// The chores of the Muster project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Chore {
    /// Make this machine able to build guests and the console
    Setup,
    /// Build role plugins, samples and fixtures into target/guests/dist
    Guests {
        /// Only these, by the name of their folder, such as `router hello`
        names: Vec<String>,
    },
    /// Build the console into target/console/dist
    Console,
    /// Build the apps in other languages that the end-to-end tests push
    Fixtures,
    /// Install the servers that the end-to-end tests sign in at and send mail to,
    /// and the tools for networks between hosts
    Servers,
    /// Build the binary `muster` with all that it carries
    Build {
        /// Quick to build, slow to run
        #[arg(long)]
        debug: bool,
    },
    /// Build, then run a host with a sample app until Ctrl-C
    Run {
        /// Quick to build, slow to run
        #[arg(long)]
        debug: bool,
        /// Arguments for `muster serve`, such as `--management 127.0.0.1:9000`
        #[arg(last = true)]
        serve: Vec<String>,
    },
    /// Take pictures of the console's pages for the README
    Screenshots {
        /// How wide the window is; several make several pictures of each page
        #[arg(long = "width", default_values_t = [1280])]
        widths: Vec<u32>,
    },
    /// Format, lint, build, test and check all there is, as CI does
    Test {
        /// Arguments for the test runner, such as the part of a test's name
        #[arg(last = true)]
        runner: Vec<String>,
    },
    /// Measure Muster, beside others where there are any, and write BENCHMARKS.md
    Bench {
        /// Only these; they are shown, and BENCHMARKS.md stays as it is
        #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(bench::names()))]
        names: Vec<String>,
        /// How often to measure
        #[arg(long, default_value_t = 3, value_parser = value_parser!(u64).range(1..))]
        rounds: u64,
        /// How many seconds a round under load takes
        #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..))]
        seconds: u64,
        /// Measure this program, such as one of another version, rather than build one
        #[arg(long, value_name = "FILE", requires = "names")]
        binary: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Chore::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<ExitCode> {
    let project = Project::find()?;
    match chore {
        Chore::Setup => {
            let mut steps = Steps::new(2);
            toolchain::prepare(&project, &mut steps, GUEST_TARGET)?;
            toolchain::prepare(&project, &mut steps, CONSOLE_TARGET)?;
        }
        Chore::Guests { names } => {
            let mut steps = Steps::new(2);
            let toolchain = toolchain::prepare(&project, &mut steps, GUEST_TARGET)?;
            guests::build(&project, &toolchain, &names, &mut steps)?;
        }
        Chore::Console => {
            let mut steps = Steps::new(console::STEPS);
            console::build(&project, &mut steps)?;
        }
        Chore::Fixtures => {
            Steps::new(1).step(fixtures::TITLE, |step| fixtures::prepare(&project, step))?;
        }
        Chore::Servers => {
            Steps::new(1).step(servers::TITLE, |step| servers::prepare(&project, step))?;
        }
        Chore::Build { debug } => {
            let mut steps = Steps::new(build::STEPS);
            let binary = build::all(&project, Profile::from_flag(debug), &mut steps)?;
            eprintln!("{}", binary.display());
        }
        Chore::Run { debug, serve } => return run::run(&project, debug, &serve),
        Chore::Screenshots { widths } => screenshots::run(&project, &widths)?,
        Chore::Test { runner } => test::run(&project, &runner)?,
        Chore::Bench {
            names,
            rounds,
            seconds,
            binary,
        } => bench::run(&project, &names, binary, Effort { rounds, seconds })?,
    }
    Ok(ExitCode::SUCCESS)
}
