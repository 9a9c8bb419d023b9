//! `cargo xtask bench`: Muster beside others, on one machine in one run.
//!
//! Numbers depend on the machine, so nothing here asserts them; ratios taken
//! side by side are what `BENCHMARKS.md` is for.

mod report;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::report::{Outcome, Side};
use crate::{
    build::{self, Profile},
    guests,
    host::Host,
    http,
    listeners::Listeners,
    password,
    project::Project,
    sample::{self, Client},
    step::{Step, Steps, ask},
    wrk::{self, Load},
};

const WASMTIME: &str = "48.0.8";
const CONNECTIONS: u32 = 32;
const WARM_UP: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// How often and how long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each side, in turns.
    pub rounds: u64,
    /// Seconds of each round.
    pub seconds: u64,
}

/// A question about speed, answered by a race of two.
struct Benchmark {
    title: &'static str,
    question: &'static str,
    /// The ratio of our rate to theirs that Muster wants to reach.
    mark: f64,
    /// Starts what the race needs beside the host.
    race: fn(&Rig) -> Result<Race>,
}

const BENCHMARKS: &[Benchmark] = &[Benchmark {
    title: "App throughput, a fresh instance per request",
    question: "The sample app `hello` through the router, with limits on, beside `wasmtime serve` \
               with the same component and its defaults (`-S cli` lets it link).",
    mark: 4.0,
    race: fresh_instances,
}];

/// What all benchmarks share: a release host that serves the sample app.
struct Rig {
    component: PathBuf,
    wasmtime: PathBuf,
    listeners: Listeners,
}

/// Two sides, both answering.
struct Race {
    ours: Target,
    theirs: Target,
    /// What serves theirs, for as long as the race takes.
    _server: Server,
}

/// Something to load.
struct Target {
    name: &'static str,
    address: SocketAddr,
    host: &'static str,
}

/// Measures everything and writes `BENCHMARKS.md`.
///
/// # Errors
/// If something cannot be built, installed or started, or requests fail.
pub fn run(project: &Project, effort: Effort) -> Result<()> {
    let mut steps = Steps::new(build::STEPS + 2 + BENCHMARKS.len());
    let binary = build::all(project, Profile::Release, &mut steps)?;
    let wasmtime = steps.step("see to wrk and wasmtime", |step| tools(project, step))?;

    let listeners = Listeners {
        management: free_port()?,
        apps: free_port()?,
    };
    let folder = project.path("target/bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let password = password::generate()?;
    let mut host = Host::start(
        &binary,
        &folder.join("data"),
        &listeners.to_args(),
        &password,
    )?;
    steps.step("start a host with the sample app", |step| {
        host.wait_ready(listeners.management, step)?;
        let sample = sample::stage(project, &folder.join(sample::NAME))?;
        // The person's own logins stay as they are.
        let config = folder.join("config");
        let client = Client {
            binary: &binary,
            config_home: Some(&config),
        };
        client.login(&listeners, &password, step)?;
        client.push(&sample, step)?;
        wait_ok(listeners.apps, sample::HOST)
    })?;

    let rig = Rig {
        component: guests::dist(project).join(format!("{}.wasm", sample::NAME)),
        wasmtime,
        listeners,
    };
    let mut outcomes = Vec::new();
    for benchmark in BENCHMARKS {
        outcomes.push(steps.step(benchmark.title, |step| {
            measure(benchmark, &rig, effort, step)
        })?);
    }
    let report = project.path("BENCHMARKS.md");
    fs::write(&report, report::render(&machine()?, effort, &outcomes))
        .with_context(|| format!("could not write {}", report.display()))?;
    eprintln!("{}", report.display());
    Ok(())
}

fn fresh_instances(rig: &Rig) -> Result<Race> {
    let address = free_port()?;
    let mut command = Command::new(&rig.wasmtime);
    command
        .args(["serve", "-S", "cli", "--addr", &address.to_string()])
        .arg(&rig.component);
    let server = Server::start(command)?;
    wait_ok(address, "localhost")?;
    Ok(Race {
        ours: Target {
            name: "muster",
            address: rig.listeners.apps,
            host: sample::HOST,
        },
        theirs: Target {
            name: "wasmtime serve",
            address,
            host: "localhost",
        },
        _server: server,
    })
}

fn measure(
    benchmark: &'static Benchmark,
    rig: &Rig,
    effort: Effort,
    step: &Step,
) -> Result<Outcome> {
    let race = (benchmark.race)(rig)?;
    let load = |target: &Target, seconds| {
        let url = format!("http://{}/", target.address);
        wrk::run(
            &url,
            target.host,
            Load {
                connections: CONNECTIONS,
                seconds,
            },
        )
        .with_context(|| format!("could not measure {}", target.name))
    };
    let targets = [&race.ours, &race.theirs];
    for target in targets {
        load(target, WARM_UP)?;
    }
    let mut sides = targets.map(|target| Side {
        name: target.name,
        rounds: Vec::new(),
    });
    for round in 1..=effort.rounds {
        for (target, side) in targets.iter().zip(&mut sides) {
            let measured = load(target, effort.seconds)?;
            step.say(&format!(
                "  round {round}, {}: {:.0} requests/s",
                target.name, measured.rate
            ));
            side.rounds.push(measured);
        }
    }
    let [ours, theirs] = sides;
    Ok(Outcome {
        benchmark,
        ours,
        theirs,
    })
}

/// Sees to wrk and to wasmtime's command, whose path it returns.
fn tools(project: &Project, step: &Step) -> Result<PathBuf> {
    wrk::prepare(step)?;
    let tools = project.cache().join("tools");
    let wasmtime = tools.join("bin/wasmtime");
    let version = ask(Command::new(&wasmtime).arg("--version")).unwrap_or_default();
    if version.split(' ').nth(1) != Some(WASMTIME) {
        let mut install = project.cargo();
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

/// A loopback address that nobody listens on.
fn free_port() -> Result<SocketAddr> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

fn wait_ok(address: SocketAddr, host: &str) -> Result<()> {
    let start = Instant::now();
    while !http::get(address, "/", host).is_ok_and(|status| status == 200) {
        if start.elapsed() > PATIENCE {
            bail!(
                "http://{host}/ at {address} does not answer with 200 after {} s",
                PATIENCE.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The machine that the numbers hold for, in a few lines.
fn machine() -> Result<Vec<(&'static str, String)>> {
    let read = |path| fs::read_to_string(path).with_context(|| format!("could not read {path}"));
    let cpus = read("/proc/cpuinfo")?;
    let model = report::proc_field(&cpus, "model name")
        .unwrap_or("unknown")
        .to_owned();
    let memory = read("/proc/meminfo")?;
    let memory = report::proc_field(&memory, "MemTotal").and_then(report::gib);
    let cores = thread::available_parallelism()?;
    Ok(vec![
        ("date", ask(Command::new("date").args(["-u", "+%F"]))?),
        ("processor", format!("{model}, {cores} cores")),
        ("memory", memory.unwrap_or_else(|| "unknown".to_owned())),
        ("system", ask(Command::new("uname").args(["-srm"]))?),
        ("compiler", ask(Command::new("rustc").arg("--version"))?),
        ("wasmtime", WASMTIME.to_owned()),
    ])
}

/// A server that ends when it goes out of scope.
struct Server(Child);

impl Server {
    fn start(mut command: Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().with_context(|| {
            format!(
                "could not start {}",
                command.get_program().to_string_lossy()
            )
        })?;
        Ok(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
