//! Apps on several hosts whose network is bad, with traffic on all routers: how
//! many requests fail is counted.

use futures::future::join_all;
use http::Method;
use muster_api::{
    apps::{AppDetail, Instance, InstanceState},
    audit::AuditRecord,
    hosts::HostState,
    jobs::JobState,
    page::Page,
};
use muster_e2e::{
    Answers, Client, Load, Network, eventually, eventually_within, greeting, hello_version, push_of,
};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

/// Longer than it takes until a lost host's instances serve elsewhere, on a
/// machine that has other things to do as well.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// Three linked hosts of which the first leads, with an app of six instances
/// that every router reaches.
async fn group(network: &Network) -> Vec<Client> {
    let clients = join_all((0..network.len()).map(|host| network.host(host).client())).await;
    for follower in &clients[1..] {
        follower.join(&clients[0].link_token().await.token).await;
    }
    push(&clients[0], 0).await;
    let job = clients[0]
        .send(Method::PATCH, "/apps/busy", &json!({ "instances": 6 }))
        .await;
    clients[0].finished(&job).await;
    for client in &clients {
        eventually("every router knows the app", async || {
            let (status, _) = client.ask("busy.localhost", "/").await;
            (status == StatusCode::OK).then_some(())
        })
        .await;
    }
    clients
}

async fn push(leader: &Client, version: u32) {
    let wasm = leader.upload("app.wasm", &hello_version(version)).await;
    let job = leader.push("busy", &push_of(vec![wasm])).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
}

async fn instances(leader: &Client) -> Vec<Instance> {
    let shown: AppDetail = leader.get("/apps/busy").await;
    shown.placements
}

/// Waits until six instances run, none of them on `gone`.
async fn six_without(leader: &Client, gone: &str) {
    eventually_within(TAKEN_OVER, "six run elsewhere", async || {
        let all = instances(leader).await;
        let runs = all
            .iter()
            .filter(|it| it.state == InstanceState::Running && it.host != gone);
        (runs.count() == 6).then_some(())
    })
    .await;
}

fn load(network: &Network, host: usize) -> Load {
    Load::start(network.host(host).apps(), "busy.localhost", "/", 2)
}

/// Tells how many requests failed, and checks that they are no more than those
/// that were on their way to a host at the moment when it went.
fn counted(what: &str, answers: &Answers, on_the_way: usize) {
    let good: u64 = answers.good.values().sum();
    println!(
        "{what}: {} of {} requests failed",
        answers.failed.len(),
        good + answers.failed.len() as u64
    );
    assert!(
        answers.failed.len() <= on_the_way,
        "{what}: {} failed and {good} did not: {:#?}",
        answers.failed.len(),
        answers.failed
    );
}

#[tokio::test]
async fn a_host_that_is_killed_costs_other_routers_nothing() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = group(&network).await;
    let loads = [load(&network, 0), load(&network, 1)];
    for load in &loads {
        load.more(50).await;
    }
    let name = clients[2].link().await.host;
    let name = clients[0]
        .hosts()
        .await
        .into_iter()
        .find(|host| host.id == name)
        .expect("it is linked")
        .name;
    network.host_mut(2).kill();
    six_without(&clients[0], &name).await;
    for load in &loads {
        load.more(50).await;
    }
    for (load, router) in loads.into_iter().zip(["leader", "follower"]) {
        // What is safe to repeat is repeated on another host.
        counted(&format!("killed, on the {router}"), &load.end().await, 0);
    }
}

#[tokio::test]
async fn followers_serve_each_other_while_their_leader_is_cut_off() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = group(&network).await;
    let loads = [load(&network, 1), load(&network, 2)];
    for load in &loads {
        load.more(50).await;
    }
    network.isolate(0);
    eventually("a follower misses its leader", async || {
        let leader = clients[1].link().await.leader?;
        (!leader.reachable).then_some(())
    })
    .await;
    for load in &loads {
        load.more(200).await;
    }
    network.heal();
    eventually("the leader is back", async || {
        let leader = clients[1].link().await.leader?;
        leader.reachable.then_some(())
    })
    .await;
    eventually("all is as it was", async || {
        let all = instances(&clients[0]).await;
        let runs = all.iter().filter(|it| it.state == InstanceState::Running);
        (runs.count() == 6 && all.len() == 6).then_some(())
    })
    .await;
    push(&clients[0], 1).await;
    for client in &clients {
        eventually("the new release is everywhere", async || {
            let (_, body) = client.ask("busy.localhost", "/").await;
            (body == greeting(1)).then_some(())
        })
        .await;
    }
    for (load, router) in loads.into_iter().zip(["first", "second"]) {
        let answers = load.end().await;
        counted(&format!("leader cut off, on the {router}"), &answers, 0);
    }
}

#[tokio::test]
async fn what_happened_while_the_leader_was_away_is_reported() {
    let Some(mut network) = Network::start(2).await else {
        return;
    };
    let clients = group(&network).await;
    let reports = async || -> Vec<AuditRecord> {
        let page: Page<AuditRecord> = clients[0].get("/audit?limit=100").await;
        let mut all = page.items;
        all.retain(|it| it.entry.action == "host.report");
        all
    };
    network.isolate(0);
    eventually("the follower misses its leader", async || {
        let leader = clients[1].link().await.leader?;
        (!leader.reachable).then_some(())
    })
    .await;
    network.host_mut(1).kill();
    network.host_mut(1).start_again();
    network.host_mut(1).wait_ready().await;
    let south = network.host(1).client().await;
    eventually("the follower serves again", async || {
        let (status, _) = south.ask("busy.localhost", "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
    // Longer than it takes until nobody takes the silence for a busy moment.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(reports().await.is_empty());
    network.heal();
    let report = eventually("the follower reports", async || reports().await.pop()).await;
    assert_eq!(report.entry.subject, "south");
    let after = report.entry.after.expect("what happened").to_string();
    assert!(
        after.contains("serves") && after.contains("busy"),
        "{after}"
    );
}

#[tokio::test]
async fn what_a_follower_sends_is_lost_and_its_instances_start_elsewhere() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = group(&network).await;
    let follower = clients[2].link().await.host;
    let of = async |state: HostState| {
        eventually("the leader sees it", async || {
            let hosts = clients[0].hosts().await;
            let host = hosts.into_iter().find(|host| host.id == follower)?;
            (host.state == state).then_some(host.name)
        })
        .await
    };
    let load = load(&network, 0);
    load.more(50).await;
    // One way alone: the follower hears its leader, which does not hear it.
    network.cut_one_way(2, 0);
    let name = of(HostState::Unreachable).await;
    six_without(&clients[0], &name).await;
    load.more(50).await;
    network.heal();
    of(HostState::Ready).await;
    // Nothing wanders back by itself.
    six_without(&clients[0], &name).await;
    counted("cut one way, on the leader", &load.end().await, 0);
}

#[tokio::test]
async fn a_host_that_moves_serves_on() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = group(&network).await;
    let load = load(&network, 0);
    load.more(50).await;
    let address = network.fresh_address();
    network.move_host(1, address);
    let there = network.peer_address(1);
    eventually("the leader knows the address", async || {
        let hosts = clients[0].hosts().await;
        let knows = hosts
            .iter()
            .any(|host| host.about.addresses.contains(&there) && host.state == HostState::InUse);
        knows.then_some(())
    })
    .await;
    load.more(200).await;
    counted("moved, on the leader", &load.end().await, 0);
    // The other follower learns it from the leader.
    for _ in 0..12 {
        let (status, _) = clients[2].ask("busy.localhost", "/").await;
        assert_eq!(status, StatusCode::OK);
    }
}
