//! How fast a router reaches instances on another host.

use std::thread;

use anyhow::Result;

use super::{
    Benchmark, Rig,
    group::Group,
    nginx,
    race::{self, Target},
    report::Outcome,
    wait_for, wait_ok,
};
use crate::{sample, step::Step};

pub const BENCHMARK: Benchmark = Benchmark {
    name: "remote",
    title: "A router before an app on another host",
    question: "The app's one instance is on a follower; the load goes to the leader's router, or \
               to nginx, which passes it to the follower's router. Both keep their connections \
               open and end in the same instance, fresh for each request. Muster's way is \
               mutual TLS and checks the other host's membership at each request; nginx speaks \
               plain HTTP to the follower, has as many workers as the router has threads, and \
               writes no log of requests, as the follower does that, while on Muster's way the \
               leader does.",
    measure,
};

const MARK: f64 = 0.9;

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let folder = rig.folder.join(BENCHMARK.name);
    let group = Group::start(rig, &folder, &["leader", "follower"], step)?;
    let leader = group.leader();
    leader.push_sample(rig, "[placement]\nzones = [\"follower\"]\n", step)?;
    wait_for("the app runs on the follower alone", || {
        Ok(leader.sample_runs_on()? == ["follower"])
    })?;
    let upstream = group.members[1].apps();
    wait_ok(upstream, sample::HOST)?;
    wait_ok(leader.apps(), sample::HOST)?;
    let workers = thread::available_parallelism()?.get();
    let nginx = nginx::before(upstream, workers, &folder.join("nginx"), step)?;
    wait_ok(nginx.address, sample::HOST)?;
    let ours = Target {
        name: "muster",
        address: leader.apps(),
        host: sample::HOST,
    };
    let theirs = Target {
        name: "nginx",
        address: nginx.address,
        host: sample::HOST,
    };
    race::run(&ours, &theirs, MARK, rig.effort, step)
}
