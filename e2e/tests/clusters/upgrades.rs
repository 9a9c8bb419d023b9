//! Clusters go to another version of Muster, host by host, and back if it is of no
//! use. The other version is the same program with another version in its stamp.

use std::time::Duration;

use http::Method;
use muster_api::{
    clusters::Cluster,
    hosts::LinkedHost,
    jobs::{Job, JobState},
    page::Page,
    plan::Plan,
    problem::Problem,
};
use muster_e2e::{
    Client, Host, HostOptions, Load, eventually, eventually_within, free_address, hello_version,
    push_of, releases, servers::Postgres,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Longer than an upgrade takes, on a machine that has other things to do as well.
const UPGRADED: Duration = Duration::from_secs(600);

const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "0.2.0";

/// A cluster of some hosts, and one that is linked and not of it, by which requests
/// come in.
struct Group {
    _postgres: Postgres,
    hosts: Vec<Host>,
    clients: Vec<Client>,
}

async fn started(name: &str, url: Option<&str>) -> (Host, Client) {
    let peers = free_address().to_string();
    let mut env = vec![
        ("MUSTER_NAME".to_owned(), name.to_owned()),
        ("MUSTER_PEERS".to_owned(), peers),
    ];
    env.extend(url.map(|url| ("MUSTER_DATABASE_URL".to_owned(), url.to_owned())));
    let host = Host::start_with(HostOptions {
        env,
        binary: Some(releases::small_binary()),
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    (host, client)
}

impl Group {
    /// With so many control-plane hosts, and so many workers.
    async fn of(control: &[&str], workers: &[&str]) -> Self {
        let postgres = Postgres::start();
        let url = postgres.url(&postgres.database());
        let (host, client) = started(control[0], Some(&url)).await;
        let (mut hosts, mut clients) = (vec![host], vec![client]);
        for name in control[1..].iter().chain(workers).chain(&["door"]) {
            let (host, client) = started(name, None).await;
            client.join(&clients[0].link_token().await.token).await;
            hosts.push(host);
            clients.push(client);
        }
        let new = json!({ "name": "north", "control_plane": control, "workers": workers });
        let job: Job = clients[0].send(Method::POST, "/clusters", &new).await;
        let job = clients[0].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        for place in 1..control.len() {
            clients[place] = eventually("a host that stands by carries calls", async || {
                let url = hosts[place].url();
                let asked = reqwest::get(format!("{url}/api/openapi.json")).await.ok()?;
                (asked.status() == StatusCode::OK).then_some(())?;
                Some(hosts[place].client().await)
            })
            .await;
        }
        Self {
            _postgres: postgres,
            hosts,
            clients,
        }
    }

    fn door(&self) -> &Host {
        self.hosts.last().expect("it is there")
    }

    /// An app on all hosts of the cluster, asked for at the door again and again.
    async fn load(&self, instances: u32) -> Load {
        let wasm = self.clients[0].upload("app.wasm", &hello_version(1)).await;
        let mut push = push_of(vec![wasm]);
        push.instances = Some(instances);
        let job = self.clients[0].push("busy", &push).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        let door = self.clients.last().expect("it is there");
        eventually("the router leads to the app", async || {
            let (status, _) = door.ask("busy.localhost", "/").await;
            (status == StatusCode::OK).then_some(())
        })
        .await;
        let load = Load::start(self.door().apps(), "busy.localhost", "/", 2);
        load.more(20).await;
        load
    }

    /// What whichever host of the cluster that answers says.
    async fn any<T: serde::de::DeserializeOwned>(&self, path: &str) -> Option<T> {
        for client in &self.clients[..self.clients.len() - 1] {
            let request = client.request(Method::GET, path);
            let asked = request.timeout(Duration::from_secs(5)).send().await;
            if let Ok(answer) = asked
                && answer.status() == StatusCode::OK
                && let Ok(found) = answer.json().await
            {
                return Some(found);
            }
        }
        None
    }

    /// A job once it is over, whoever leads then.
    async fn ended(&self, job: &Job) -> Job {
        eventually_within(UPGRADED, "the upgrade ends", async || {
            let job: Job = self.any(&format!("/jobs/{}", job.id)).await?;
            job.state.is_final().then_some(job)
        })
        .await
    }

    /// The versions of the cluster's hosts; none as long as it does not say.
    async fn versions(&self) -> Vec<String> {
        let cluster: Option<Cluster> = self.any("/clusters/north").await;
        let hosts = cluster.map(|it| [it.control_plane, it.workers].concat());
        let hosts = hosts.unwrap_or_default().into_iter();
        hosts.filter_map(|host| host.version).collect()
    }

    async fn all_run(&self, version: &str) {
        eventually_within(
            UPGRADED,
            "all run one version and take instances",
            async || {
                let versions = self.versions().await;
                let hosts: Page<LinkedHost> = self.any("/hosts?limit=100").await?;
                (!versions.is_empty()
                    && versions.iter().all(|it| it == version)
                    && hosts.items.iter().all(|host| !host.draining))
                .then_some(())
            },
        )
        .await;
    }

    async fn upgrade(&self, upgrade: &Value) -> Job {
        self.clients[0]
            .send(Method::POST, "/clusters/north/actions/upgrade", upgrade)
            .await
    }
}

fn none_failed(answers: &muster_e2e::Answers, what: &str) {
    let good: u64 = answers.good.values().sum();
    println!("{what}: {good} requests, {} failed", answers.failed.len());
    assert!(good > 0);
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

#[tokio::test]
async fn a_cluster_goes_to_the_next_version_host_by_host_and_back() {
    let mut group = Group::of(&["a", "b", "c"], &[]).await;
    let load = group.load(3).await;
    let file = group.clients[0]
        .upload("muster", &releases::release(NEW))
        .await;
    let upgrade = json!({ "program": file });
    let path = "/clusters/north/actions/upgrade?dry_run=true";
    let plan: Plan = group.clients[0].send(Method::POST, path, &upgrade).await;
    assert!(!plan.done);
    let lines = plan.changes.join("\n");
    assert!(plan.changes[1].starts_with("b: "), "{lines}");
    assert!(
        plan.changes[3].starts_with("a: another host leads"),
        "{lines}"
    );
    assert!(
        lines.contains("door is linked and not of the cluster"),
        "{lines}"
    );
    assert_eq!(group.versions().await, [OLD; 3], "nothing was done");

    let job = group.upgrade(&upgrade).await;
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    group.all_run(NEW).await;
    load.more(50).await;
    none_failed(&load.end().await, "to the next version");
    let done = |line: &&String| line.contains(&format!(" runs {NEW}"));
    let order: Vec<_> = job.log.iter().filter(done).map(|line| &line[..1]).collect();
    assert_eq!(order, ["b", "c", "a"], "{:#?}", job.log);

    // It stays with that, whatever it is started from.
    group.hosts[1].kill_and_restart();
    group.all_run(NEW).await;
    eventually_within(UPGRADED, "it is itself", async || {
        let info = reqwest::get(format!("{}/readyz", group.hosts[1].url()));
        info.await.ok().filter(|it| it.status() == StatusCode::OK)
    })
    .await;
    let log = group.hosts[1].log();
    assert!(!log.contains("cannot be started"), "{log}");

    let job = group.upgrade(&json!({ "back": true })).await;
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    group.all_run(OLD).await;
}

#[tokio::test]
async fn a_release_that_is_of_no_use_is_taken_back_everywhere() {
    let mut group = Group::of(&["a"], &["b", "c"]).await;
    let load = group.load(2).await;
    let ends = releases::program("ends", NEW, "std::process::exit(7)");
    let file = group.clients[0].upload("muster", &ends).await;
    let job = group.upgrade(&json!({ "program": file })).await;
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    let problem = job.problem.expect("it says why");
    assert_eq!(problem.code, "upgrade-failed");
    assert!(problem.detail.contains("exit code 7"), "{problem:#?}");
    group.all_run(OLD).await;

    let hangs = "let from = std::os::unix::process::parent_id(); \
        while std::os::unix::process::parent_id() == from { \
        std::thread::sleep(std::time::Duration::from_millis(50)) }";
    let hangs = releases::program("hangs", NEW, hangs);
    let file = group.clients[0].upload("muster", &hangs).await;
    let upgrade = json!({ "program": file, "patience_seconds": 8 });
    let job = group.upgrade(&upgrade).await;
    // A machine that loses its power in the middle starts with what it ran before.
    let trial = group.hosts[1].data_dir().join("releases/trial.json");
    eventually_within(UPGRADED, "the first host tries it", async || {
        trial.exists().then_some(())
    })
    .await;
    group.hosts[1].kill_and_restart();
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    let problem = job.problem.expect("it says why");
    assert!(
        problem.detail.contains("not confirmed within 8 s"),
        "{problem:#?}"
    );
    group.all_run(OLD).await;
    load.more(20).await;
    none_failed(&load.end().await, "releases that are of no use");
}

#[tokio::test]
async fn hosts_that_were_upgraded_already_go_back_when_one_fails() {
    let group = Group::of(&["a"], &["b", "c"]).await;
    let load = group.load(2).await;
    let program = releases::release(NEW);
    let file = group.clients[0].upload("muster", &program).await;
    let job = group.upgrade(&json!({ "program": file })).await;
    // On the last worker it lies, and cannot be started.
    let folder = group.hosts[2].data_dir().join("releases");
    eventually_within(UPGRADED, "the program lies there", async || {
        let found = std::fs::read_dir(&folder).ok()?.flatten().find(|entry| {
            let name = entry.file_name();
            !name.to_string_lossy().contains('.')
        })?;
        let nobody = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(found.path().join("muster"), nobody).ok()
    })
    .await;
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    let problem = job.problem.expect("it says why");
    assert!(
        problem.detail.starts_with("c: it cannot be started"),
        "{problem:#?}"
    );
    let log = job.log.join("\n");
    assert!(log.contains(&format!("b runs {NEW}")), "{log}");
    group.all_run(OLD).await;
    load.more(20).await;
    none_failed(&load.end().await, "a release that one host cannot start");
}

#[tokio::test]
async fn an_upgrade_that_is_cancelled_leaves_two_versions_that_work_together() {
    let mut group = Group::of(&["a"], &["b", "c"]).await;
    let load = group.load(2).await;
    let file = group.clients[0]
        .upload("muster", &releases::release(NEW))
        .await;
    let job = group
        .upgrade(&json!({ "program": file, "patience_seconds": 60 }))
        .await;
    eventually_within(UPGRADED, "the first host is done", async || {
        let versions = group.versions().await;
        let job: Job = group.any(&format!("/jobs/{}", job.id)).await?;
        let done = job.progress.is_some_and(|progress| progress.done == 1);
        (done && versions.contains(&NEW.to_owned())).then_some(())
    })
    .await;
    // The machine of the second one loses its power, whatever it does just then.
    group.hosts[2].kill();
    let left = json!({});
    let cancelled: Job = group.clients[0]
        .send(
            Method::POST,
            &format!("/jobs/{}/actions/cancel", job.id),
            &left,
        )
        .await;
    assert_eq!(cancelled.state, JobState::Cancelled);
    // Two versions work together for as long as it takes.
    load.more(50).await;
    none_failed(&load.end().await, "two versions at the same time");
    let refused = group.clients[0]
        .request(Method::POST, "/clusters/north/actions/upgrade")
        .json(&json!({ "back": true }))
        .send()
        .await
        .unwrap();
    let problem: Problem = refused.json().await.unwrap();
    assert_eq!(problem.code, "hosts-away", "{problem:#?}");
    group.hosts[2].start_again();
    group.hosts[2].wait_ready().await;
    let job = eventually_within(UPGRADED, "it is taken back by choice", async || {
        let asked = group.clients[0]
            .request(Method::POST, "/clusters/north/actions/upgrade")
            .json(&json!({ "back": true }))
            .send()
            .await
            .ok()?;
        asked.json::<Job>().await.ok()
    })
    .await;
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    group.all_run(OLD).await;
}

#[tokio::test]
async fn the_next_leader_goes_on_with_an_upgrade_when_the_one_before_is_killed() {
    let mut group = Group::of(&["a", "b", "c"], &[]).await;
    let file = group.clients[0]
        .upload("muster", &releases::release(NEW))
        .await;
    let job = group.upgrade(&json!({ "program": file })).await;
    eventually_within(UPGRADED, "the first host is done", async || {
        group
            .versions()
            .await
            .contains(&NEW.to_owned())
            .then_some(())
    })
    .await;
    group.hosts[0].kill();
    tokio::time::sleep(Duration::from_secs(12)).await;
    group.hosts[0].start_again();
    let job = group.ended(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    group.all_run(NEW).await;
}

#[tokio::test]
async fn what_is_no_neighbouring_release_is_refused_with_the_reason() {
    let mut group = Group::of(&["a"], &["b"]).await;
    let refused = async |upgrade: Value| -> Problem {
        let asked = group.clients[0]
            .request(Method::POST, "/clusters/north/actions/upgrade?dry_run=true")
            .json(&upgrade);
        let answer = asked.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{answer:?}");
        answer.json().await.unwrap()
    };
    let uploaded = async |bytes: &[u8]| {
        let file = group.clients[0].upload("muster", bytes).await;
        json!({ "program": file })
    };
    let script = refused(uploaded(b"#!/bin/sh\nexec muster serve\n").await).await;
    assert!(
        script.fields[0].message.contains("no program"),
        "{script:#?}"
    );
    let none = releases::program("none", NEW, "");
    let none = &none[..none.len() - 96];
    let problem = refused(uploaded(none).await).await;
    assert!(
        problem.fields[0].message.contains("no release"),
        "{problem:#?}"
    );
    let both = [releases::program("both", NEW, ""), releases::stamp(OLD)].concat();
    let problem = refused(uploaded(&both).await).await;
    assert!(
        problem.fields[0].message.contains("no release"),
        "{problem:#?}"
    );
    let far = releases::program("far", "0.3.0", "");
    let problem = refused(uploaded(&far).await).await;
    assert_eq!(problem.code, "not-upgradable");
    let problem = refused(json!({})).await;
    assert_eq!(problem.fields[0].field, "program");
    let problem = refused(json!({ "back": true, "bundle": "x" })).await;
    assert_eq!(problem.fields[0].field, "program");
    let problem = refused(json!({ "back": true })).await;
    assert_eq!(problem.code, "nothing-to-upgrade");
    let problem = refused(json!({ "bundle": "nothing" })).await;
    assert_eq!(problem.code, "bundle-not-found");
    let problem = refused(json!({ "back": true, "patience_seconds": 1 })).await;
    assert_eq!(problem.fields[0].field, "patience_seconds");
    let near = uploaded(&releases::program("near", NEW, "")).await;
    group.hosts[1].kill();
    let asked = group.clients[0]
        .request(Method::POST, "/clusters/north/actions/upgrade")
        .json(&near);
    let problem: Problem = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(problem.code, "hosts-away", "{problem:#?}");
    assert!(problem.detail.contains("b: "), "{problem:#?}");
}
