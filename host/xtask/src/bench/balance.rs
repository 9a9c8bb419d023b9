//! How fast a load balancer spreads requests over routers.

use std::thread;

use anyhow::Result;

use super::{
    Benchmark, Rig, free_port,
    group::{Group, Member},
    haproxy,
    race::{self, Target},
    report::Outcome,
    wait_for, wait_ok,
};
use crate::{sample, step::Step};

pub const BENCHMARK: Benchmark = Benchmark {
    name: "balance",
    title: "A load balancer before two routers",
    question: "Two hosts route and run an instance of the app each; the load goes to a third, \
               which is a load balancer, or to HAProxy, with the same two routers. Both go round \
               robin, keep their connections to clients and routers open, check the routers \
               every two seconds, tell them the client's address, write no log of requests and \
               have as many threads as there are cores. Muster asks its plugin at each request.",
    measure,
};

const MARK: f64 = 0.9;

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let folder = rig.folder.join(BENCHMARK.name);
    let group = Group::start(rig, &folder, &["north", "south"], step)?;
    let leader = group.leader();
    leader.push_sample(rig, "", step)?;
    leader.ask(["app", "scale", sample::NAME, "--instances", "2"])?;
    wait_for("the app runs on both hosts", || {
        let mut on = leader.sample_runs_on()?;
        on.sort();
        Ok(on == ["north", "south"])
    })?;
    let upstreams: Vec<_> = group.members.iter().map(Member::apps).collect();
    for upstream in &upstreams {
        wait_ok(*upstream, sample::HOST)?;
    }
    let (plain, tls) = (free_port()?, free_port()?);
    let listen = [
        format!("--balancer={plain}"),
        format!("--balancer-tls={tls}"),
    ];
    let edge = Member::start_with(rig, &folder, "edge", &listen, step)?;
    let token = leader.token_for(&["--role", "load-balancer"])?;
    edge.link_to(&token)?;
    wait_for("the load balancer knows both routers", || {
        let told = edge.ask(["load-balancer", "show"])?;
        let all = told["upstreams"].as_array().into_iter().flatten();
        Ok(all.filter(|it| it["state"] == "up").count() == upstreams.len())
    })?;
    wait_ok(plain, sample::HOST)?;
    let threads = thread::available_parallelism()?.get();
    let haproxy = haproxy::before(&upstreams, threads, &folder.join("haproxy"), step)?;
    wait_ok(haproxy.address, sample::HOST)?;
    let ours = Target {
        name: "muster",
        address: plain,
        host: sample::HOST,
    };
    let theirs = Target {
        name: "HAProxy",
        address: haproxy.address,
        host: sample::HOST,
    };
    race::run(&ours, &theirs, MARK, rig.effort, step)
}
