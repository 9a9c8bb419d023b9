//! How soon the instances of a host that is lost serve elsewhere.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    Benchmark, Rig,
    group::Group,
    report::{Outcome, Table, limit, median},
    wait_for, wait_ok,
};
use crate::{http, sample, step::Step};

pub const BENCHMARK: Benchmark = Benchmark {
    name: "lost",
    title: "A killed host's instances serve elsewhere",
    question: "An app with two instances on the leader and two on a follower, which is killed \
               (`kill -9`). From then until all four run on the leader and no request to the \
               leader's router fails any more. Meanwhile four clients ask that router, each \
               request over a connection of its own.",
    measure,
};

/// In seconds.
const MARK: f64 = 15.0;
const INSTANCES: usize = 4;
const CLIENTS: usize = 4;
/// What each client rests after an answer.
const PAUSE: Duration = Duration::from_millis(5);
/// How long before the end, and after it, requests are looked at.
const AROUND: Duration = Duration::from_secs(2);

/// What one round found.
struct Round {
    /// Until all instances run elsewhere, in seconds.
    run: f64,
    /// Until also the last request had failed.
    serve: f64,
    asked: usize,
    failed: usize,
}

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let mut rounds = Vec::new();
    for number in 1..=rig.effort.rounds {
        let round = round(rig, number, step)?;
        step.say(&format!(
            "  round {number}: {:.2} s; {} of {} requests failed",
            round.serve, round.failed, round.asked
        ));
        rounds.push(round);
    }
    let rows = (1..).zip(&rounds).map(|(number, it): (u64, _)| {
        vec![
            number.to_string(),
            format!("{:.2}", it.run),
            format!("{:.2}", it.serve),
            format!("{} of {}", it.failed, it.asked),
        ]
    });
    Ok(Outcome {
        table: Table {
            head: &["round", "all run, s", "all serve, s", "failed requests"],
            rows: rows.collect(),
        },
        verdict: limit(median(rounds.iter().map(|it| it.serve).collect()), MARK),
    })
}

fn round(rig: &Rig, number: u64, step: &Step) -> Result<Round> {
    let folder = rig.folder.join(BENCHMARK.name).join(number.to_string());
    let mut group = Group::start(rig, &folder, &["leader", "follower"], step)?;
    group.leader().push_sample(rig, "", step)?;
    let count = INSTANCES.to_string();
    let scale = ["app", "scale", sample::NAME, "--instances", &count];
    group.leader().ask(scale)?;
    wait_for("the instances have spread", || {
        let hosts = group.leader().sample_runs_on()?;
        let there = hosts.iter().filter(|host| *host == "follower");
        Ok(hosts.len() == INSTANCES && there.count() == INSTANCES / 2)
    })?;
    wait_ok(group.leader().apps(), sample::HOST)?;
    let clients = Clients::start(group.leader().apps());
    thread::sleep(AROUND);
    let killed = Instant::now();
    group.members[1].kill();
    wait_for("the instances run on the leader", || {
        let hosts = group.leader().sample_runs_on()?;
        Ok(hosts.len() == INSTANCES && hosts.iter().all(|host| host == "leader"))
    })?;
    let run = killed.elapsed().as_secs_f64();
    thread::sleep(AROUND);
    let (asked, failures) = clients.end()?;
    if let Some(early) = failures.iter().find(|at| **at < killed) {
        let before = killed.duration_since(*early).as_secs_f64();
        bail!("a request failed {before:.2} s before the host was killed");
    }
    let last = failures.iter().max();
    let last = last.map_or(0.0, |at| at.duration_since(killed).as_secs_f64());
    Ok(Round {
        run,
        serve: run.max(last),
        asked,
        failed: failures.len(),
    })
}

/// Clients that ask until told to end.
struct Clients {
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<(usize, Vec<Instant>)>>,
}

impl Clients {
    fn start(router: SocketAddr) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let ending = Arc::clone(&ending);
            thread::spawn(move || ask(router, &ending))
        };
        let threads = (0..CLIENTS).map(client).collect();
        Self { ending, threads }
    }

    /// How many requests there were, and when which of them had failed.
    fn end(self) -> Result<(usize, Vec<Instant>)> {
        self.ending.store(true, Ordering::Relaxed);
        let (mut asked, mut failures) = (0, Vec::new());
        for thread in self.threads {
            let Ok((count, failed)) = thread.join() else {
                bail!("a client broke");
            };
            asked += count;
            failures.extend(failed);
        }
        Ok((asked, failures))
    }
}

fn ask(router: SocketAddr, ending: &AtomicBool) -> (usize, Vec<Instant>) {
    let (mut asked, mut failures) = (0, Vec::new());
    while !ending.load(Ordering::Relaxed) {
        asked += 1;
        if !http::get(router, "/", sample::HOST).is_ok_and(|status| status == 200) {
            failures.push(Instant::now());
        }
        thread::sleep(PAUSE);
    }
    (asked, failures)
}
