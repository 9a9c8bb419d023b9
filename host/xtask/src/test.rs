//! `cargo xtask test`: the whole test run, here as in CI. With
//! `MUSTER_TEST_DATABASE=postgres` all hosts of the tests keep their state on
//! PostgreSQL; the tests of the store run on both in any case.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    console, fixtures, guests,
    project::{Project, on_path, search_path},
    servers,
    step::{Step, Steps, ask},
    toolchain,
};

const STEPS: usize = 10 + console::STEPS;

/// Runs a command beside a PostgreSQL server.
const WITH_POSTGRES: &str = "target/debug/with-postgres";

/// The variable by which all tests keep their state there.
const DATABASE: &str = "MUSTER_TEST_DATABASE";

/// Formats, lints, builds and tests everything, and checks the dependencies.
/// `arguments` go to the test runner.
///
/// # Errors
/// If anything is not as it should be.
pub fn run(project: &Project, arguments: &[String]) -> Result<()> {
    let mut steps = Steps::new(STEPS);
    let toolchain = toolchain::prepare(project, &mut steps, toolchain::GUEST_TARGET)?;
    guests::build(project, &toolchain, &[], &mut steps)?;
    console::build(project, &mut steps)?;
    steps.step("check the format", |step| {
        step.run(cargo(project, &["fmt", "--all", "--", "--check"]))
            .context("call `cargo fmt --all`")?;
        // The console is a workspace of its own.
        let console = [
            "fmt",
            "--manifest-path",
            "frontend/Cargo.toml",
            "--",
            "--check",
        ];
        step.run(cargo(project, &console))
            .context("call `cargo fmt --manifest-path frontend/Cargo.toml`")
    })?;
    steps.step("lint", |step| {
        step.run(cargo(
            project,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ],
        ))
    })?;
    let schemathesis = steps.step(fixtures::TITLE, |step| {
        fixtures::prepare(project, step)?;
        fixtures::schemathesis(project, step)
    })?;
    steps.step(servers::TITLE, |step| servers::prepare(project, step))?;
    // All at once, so that the host that is tested and the tests are built with
    // the same features of their dependencies, and these only once.
    steps.step("build muster and its tests", |step| {
        step.run(cargo(project, &["build", "--workspace", "--all-targets"]))
    })?;
    steps.step("test", |step| {
        let mut tests = runner(project, arguments);
        if env::var_os(DATABASE).is_some_and(|name| name == "postgres") {
            tests = with_postgres(project, &tests);
        }
        tests.env("MUSTER_SCHEMATHESIS", &schemathesis);
        step.pass_through(tests)
    })?;
    steps.step("test the store on PostgreSQL", |step| {
        let filter = has_nextest(project).then_some(["-E", "package(muster-store)"]);
        let filter = filter.into_iter().flatten().map(str::to_owned);
        let arguments: Vec<_> = ["--lib".to_owned()].into_iter().chain(filter).collect();
        step.pass_through(with_postgres(project, &runner(project, &arguments)))
    })?;
    steps.step("check the dependencies", |step| dependencies(project, step))
}

fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.cargo();
    if env::var_os("CI").is_some() {
        // Nothing is built a second time there; what a second time would need
        // takes gigabytes.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command.args(arguments);
    command
}

/// Runs tests with their state on a PostgreSQL server of their own.
fn with_postgres(project: &Project, tests: &Command) -> Command {
    let mut command = Command::new(project.path(WITH_POSTGRES));
    command.arg(tests.get_program()).args(tests.get_args());
    for (name, value) in tests.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(project.root()).stdin(Stdio::null());
    command
}

fn has_nextest(project: &Project) -> bool {
    ask(&mut cargo(project, &["nextest", "--version"])).is_ok()
}

fn runner(project: &Project, arguments: &[String]) -> Command {
    let mut command = cargo(
        project,
        if has_nextest(project) {
            &["nextest", "run", "--workspace"]
        } else {
            &["test", "--workspace"]
        },
    );
    if env::var_os("CI").is_some() {
        // Nobody is there to start it again after the first failure.
        command.arg("--no-fail-fast");
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Checks licences, bans and sources against `deny.toml`.
fn dependencies(project: &Project, step: &Step) -> Result<()> {
    let tools = project.cache().join("tools");
    let programs = tools.join("bin");
    if !on_path("cargo-deny") && !programs.join("cargo-deny").is_file() {
        let mut install = cargo(project, &["install", "cargo-deny", "--locked", "--root"]);
        install.arg(&tools);
        step.run(install).context("could not install cargo-deny")?;
    }
    let mut check = cargo(
        project,
        &[
            "deny",
            "--workspace",
            "check",
            "bans",
            "licenses",
            "sources",
        ],
    );
    check.env("PATH", search_path(&[&programs])?);
    step.run(check)
        .context("see deny.toml for what dependencies may be")
}
