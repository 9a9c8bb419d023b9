//! `cargo xtask screenshots`: pictures of the console's pages, taken in a browser
//! of a host that was just started, for the README.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    browser,
    build::{self, Profile},
    guests,
    host::Host,
    listeners::Listeners,
    project::Project,
    servers,
    step::{Step, Steps},
};

/// Where the pictures go.
const PICTURES: &str = "frontend/screenshots";
/// How many hosts are in the pictures.
const HOSTS: u16 = 3;
const PASSWORD: &str = "a password for pictures";

/// Takes all pictures.
///
/// # Errors
/// If the host does not start, or the browser cannot be had or fails.
pub fn run(project: &Project, widths: &[u32]) -> Result<()> {
    let mut steps = Steps::new(build::STEPS + 2);
    let binary = build::all(project, Profile::Debug, &mut steps)?;
    steps.step(servers::TITLE, |step| servers::prepare(project, step))?;
    steps.step("take the pictures", |step| {
        let work = project.path("target/screenshots");
        if work.exists() {
            fs::remove_dir_all(&work)
                .with_context(|| format!("could not remove {}", work.display()))?;
        }
        fs::create_dir_all(&work)?;
        let mut hosts = Vec::new();
        let mut listening = Vec::new();
        for number in 1..=HOSTS {
            let listeners = Listeners {
                management: format!("127.0.0.1:{}", 7_490 + number).parse()?,
                apps: format!("127.0.0.1:{}", 8_490 + number).parse()?,
            };
            listeners.check_free()?;
            let name = format!("north-{number}");
            let mut arguments = listeners.to_args().to_vec();
            arguments.push(format!("--name={name}"));
            arguments.push(format!("--peers=127.0.0.1:{}", 9_490 + number));
            hosts.push(Host::start(
                &binary,
                &work.join(&name),
                &arguments,
                PASSWORD,
            )?);
            listening.push((name, listeners));
        }
        let mut taken = Ok(());
        for (host, (_, listeners)) in hosts.iter_mut().zip(&listening) {
            taken = taken.and_then(|()| host.wait_ready(listeners.management, step));
        }
        let taken = taken.and_then(|()| take(project, step, &work, &listening, widths));
        for host in &mut hosts {
            host.kill();
        }
        taken
    })
}

fn take(
    project: &Project,
    step: &Step,
    work: &std::path::Path,
    hosts: &[(String, Listeners)],
    widths: &[u32],
) -> Result<()> {
    let pictures = project.path(PICTURES);
    fs::create_dir_all(&pictures)?;
    let hosts: Vec<_> = hosts
        .iter()
        .map(|(name, it)| json!({ "name": name, "url": it.url(), "apps": it.apps }))
        .collect();
    let told = json!({
        "hosts": hosts,
        "password": PASSWORD,
        "hello": guests::dist(project).join("hello.wasm"),
        "folder": pictures,
        "widths": widths,
    });
    step.run(browser::script(project, work, "screenshots", &told)?)
}
