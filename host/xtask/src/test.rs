//! `cargo xtask test`: the whole test run, here as in CI.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    fixtures, guests,
    project::{Project, on_path, search_path},
    servers,
    step::{Step, Steps, ask},
    toolchain,
};

const STEPS: usize = 9;

/// Formats, lints, builds and tests everything, and checks the dependencies.
/// `arguments` go to the test runner.
///
/// # Errors
/// If anything is not as it should be.
pub fn run(project: &Project, arguments: &[String]) -> Result<()> {
    let mut steps = Steps::new(STEPS);
    let toolchain = toolchain::prepare(project, &mut steps)?;
    guests::build(project, &toolchain, &[], &mut steps)?;
    steps.step("check the format", |step| {
        step.run(cargo(project, &["fmt", "--all", "--", "--check"]))
            .context("call `cargo fmt --all`")
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
        tests.env("MUSTER_SCHEMATHESIS", &schemathesis);
        step.pass_through(tests)
    })?;
    steps.step("check the dependencies", |step| dependencies(project, step))
}

fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.cargo();
    command.args(arguments);
    command
}

fn runner(project: &Project, arguments: &[String]) -> Command {
    let nextest = ask(&mut cargo(project, &["nextest", "--version"])).is_ok();
    let mut command = cargo(
        project,
        if nextest {
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
