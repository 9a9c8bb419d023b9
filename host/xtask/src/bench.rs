//! `cargo xtask bench`: Muster beside others, on one machine in one run.
//!
//! Numbers depend on the machine, so nothing here asserts them; ratios taken
//! side by side are what `BENCHMARKS.md` is for.

mod balance;
mod console;
mod content;
mod failover;
mod fresh;
mod group;
mod haproxy;
mod heartbeats;
mod join;
mod lost;
mod measure;
mod nginx;
mod race;
mod remote;
mod report;
mod server;
mod sshd;
mod writes;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::report::Outcome;
use crate::{
    build::{self, Profile},
    http, password,
    project::Project,
    step::{Step, Steps, ask},
};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// How often and how long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each side, in turns.
    pub rounds: u64,
    /// Seconds of each round under load.
    pub seconds: u64,
}

/// A question about speed.
pub struct Benchmark {
    /// What it is asked for by.
    name: &'static str,
    title: &'static str,
    question: &'static str,
    measure: fn(&Rig, &Step) -> Result<Outcome>,
}

const BENCHMARKS: &[Benchmark] = &[
    fresh::BENCHMARK,
    join::BENCHMARK,
    lost::BENCHMARK,
    content::BENCHMARK,
    remote::BENCHMARK,
    balance::BENCHMARK,
    failover::BENCHMARK,
    writes::BENCHMARK,
    heartbeats::BENCHMARK,
    console::BENCHMARK,
];

/// The names of all benchmarks.
pub fn names() -> impl Iterator<Item = &'static str> {
    BENCHMARKS.iter().map(|it| it.name)
}

/// What all benchmarks share. Each starts hosts of its own, in a folder of its
/// own, with this password.
struct Rig<'p> {
    project: &'p Project,
    binary: PathBuf,
    folder: PathBuf,
    password: String,
    effort: Effort,
}

/// Measures that `binary`, or one that is built. All benchmarks together write
/// `BENCHMARKS.md`; some of them, chosen by name, only show what they would write
/// there.
///
/// # Errors
/// If something cannot be built, installed or started, or requests fail.
pub fn run(
    project: &Project,
    chosen: &[String],
    binary: Option<PathBuf>,
    effort: Effort,
) -> Result<()> {
    let is_chosen = |it: &&Benchmark| chosen.is_empty() || chosen.iter().any(|at| at == it.name);
    let benchmarks: Vec<_> = BENCHMARKS.iter().filter(is_chosen).collect();
    let building = binary.as_ref().map_or(build::STEPS, |_| 0);
    let mut steps = Steps::new(building + benchmarks.len());
    let binary = match binary {
        Some(binary) => fs::canonicalize(&binary)
            .with_context(|| format!("could not find {}", binary.display()))?,
        None => build::all(project, Profile::Release, &mut steps)?,
    };
    let rig = Rig {
        project,
        binary,
        folder: project.path("target/bench"),
        password: password::generate()?,
        effort,
    };
    let load = load()?;
    let mut outcomes = Vec::new();
    for benchmark in benchmarks {
        let measured = steps.step(benchmark.title, |step| {
            let folder = rig.folder.join(benchmark.name);
            clear(&folder)?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("could not create {}", folder.display()))?;
            let measured = (benchmark.measure)(&rig, step);
            // Some fill gigabytes.
            clear(&folder)?;
            measured
        })?;
        outcomes.push((benchmark, measured));
    }
    if !chosen.is_empty() {
        for (benchmark, outcome) in &outcomes {
            println!("\n{}", report::section(benchmark, outcome).trim_end());
        }
        return Ok(());
    }
    let page = project.path("BENCHMARKS.md");
    fs::write(&page, report::render(&machine(load)?, effort, &outcomes))
        .with_context(|| format!("could not write {}", page.display()))?;
    eprintln!("{}", page.display());
    Ok(())
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("could not remove {}", folder.display()))?;
    }
    Ok(())
}

/// A loopback address that nobody listens on.
fn free_port() -> Result<SocketAddr> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

fn wait_ok(address: SocketAddr, host: &str) -> Result<()> {
    wait_for(&format!("http://{host}/ answers at {address}"), || {
        Ok(http::get(address, "/", host).is_ok_and(|status| status == 200))
    })
}

/// Waits until something is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > PATIENCE {
            bail!("waited for {} s until {what}: in vain", PATIENCE.as_secs());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// How many programs of others ran or waited to, on the average of a minute.
fn load() -> Result<String> {
    let file = "/proc/loadavg";
    let text = fs::read_to_string(file).with_context(|| format!("could not read {file}"))?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

/// The machine that the numbers hold for, in a few lines.
fn machine(load: String) -> Result<Vec<(&'static str, String)>> {
    let read = |path| fs::read_to_string(path).with_context(|| format!("could not read {path}"));
    let cpus = read("/proc/cpuinfo")?;
    let model = report::proc_field(&cpus, "model name")
        .unwrap_or("unknown")
        .to_owned();
    let memory = read("/proc/meminfo")?;
    let memory = report::proc_field(&memory, "MemTotal").and_then(report::gib);
    let cores = thread::available_parallelism()?;
    let package = |name| {
        let mut command = Command::new("dpkg-query");
        let version = ask(command.args(["--show", "--showformat=${Version}", name]));
        version.unwrap_or_else(|_| "unknown".to_owned())
    };
    Ok(vec![
        ("date", ask(Command::new("date").args(["-u", "+%F"]))?),
        ("processor", format!("{model}, {cores} cores")),
        ("memory", memory.unwrap_or_else(|| "unknown".to_owned())),
        ("load before", load),
        ("system", ask(Command::new("uname").args(["-srm"]))?),
        ("compiler", ask(Command::new("rustc").arg("--version"))?),
        ("wasmtime", fresh::WASMTIME.to_owned()),
        ("nginx", package("nginx")),
        ("HAProxy", package("haproxy")),
        ("OpenSSH", package("openssh-server")),
    ])
}
