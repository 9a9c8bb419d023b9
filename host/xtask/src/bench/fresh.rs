//! How fast one host answers with a fresh instance for each request.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{
    Benchmark, Rig, free_port,
    group::Group,
    race::{self, Target},
    report::Outcome,
    server::Server,
    wait_ok,
};
use crate::{
    guests, sample,
    step::{Step, ask},
};

/// The version of wasmtime's command.
pub const WASMTIME: &str = "48.0.8";

pub const BENCHMARK: Benchmark = Benchmark {
    name: "fresh",
    title: "App throughput, a fresh instance per request",
    question: "The sample app `hello` through the router, with limits on, beside `wasmtime serve` \
               with the same component and its defaults (`-S cli` lets it link).",
    measure,
};

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let wasmtime = wasmtime(rig, step)?;
    let group = Group::start(rig, &rig.folder.join(BENCHMARK.name), &["one"], step)?;
    let host = group.leader();
    host.push_sample(rig, "", step)?;
    wait_ok(host.apps(), sample::HOST)?;

    let component = guests::dist(rig.project).join(format!("{}.wasm", sample::NAME));
    let address = free_port()?;
    let mut command = Command::new(wasmtime);
    command
        .args(["serve", "-S", "cli", "--addr", &address.to_string()])
        .arg(component)
        .stderr(std::process::Stdio::null());
    let _server = Server::start(command)?;
    wait_ok(address, "localhost")?;
    let ours = Target {
        name: "muster",
        address: host.apps(),
        host: sample::HOST,
    };
    let theirs = Target {
        name: "wasmtime serve",
        address,
        host: "localhost",
    };
    race::run(&ours, &theirs, 4.0, rig.effort, step)
}

/// Sees to wasmtime's command, whose path it returns.
fn wasmtime(rig: &Rig, step: &Step) -> Result<PathBuf> {
    let tools = rig.project.cache().join("tools");
    let wasmtime = tools.join("bin/wasmtime");
    let version = ask(Command::new(&wasmtime).arg("--version")).unwrap_or_default();
    if version.split(' ').nth(1) != Some(WASMTIME) {
        let mut install = rig.project.cargo();
        install
            .args([
                "install",
                "wasmtime-cli",
                "--version",
                WASMTIME,
                "--locked",
                "--force",
                "--root",
            ])
            .arg(&tools);
        step.run(install)
            .context("could not install wasmtime-cli")?;
    }
    Ok(wasmtime)
}
