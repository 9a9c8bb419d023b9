//! Clusters: several hosts share the group's state in PostgreSQL, any of them takes
//! every change, and another one leads when the one that did is gone.

use std::time::Duration;

use http::Method;
use muster_api::{
    apps::{AppDetail, InstanceState},
    clusters::Cluster,
    hosts::{HostStanding, HostState, LinkedHost},
    jobs::{Job, JobState},
    links::{Link, Standing},
    page::Page,
    plan::Plan,
    problem::Problem,
};
use muster_e2e::{
    Client, Host, Load, eventually, eventually_within, hello_version, host_with_peers, named_host,
    push_of, servers::Postgres,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Longer than it takes until another host leads, on a machine that has other things
/// to do as well.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// Hosts that are linked, the first of which has its state in a database.
struct Group {
    _postgres: Postgres,
    hosts: Vec<Host>,
    clients: Vec<Client>,
}

impl Group {
    async fn of(names: &[&str]) -> Self {
        let postgres = Postgres::start();
        let url = postgres.url(&postgres.database());
        let env = [("MUSTER_NAME", names[0]), ("MUSTER_DATABASE_URL", &url)];
        let (host, client) = host_with_peers(&env).await;
        let (mut hosts, mut clients) = (vec![host], vec![client]);
        for name in &names[1..] {
            let (host, client) = named_host(name).await;
            client.join(&clients[0].link_token().await.token).await;
            hosts.push(host);
            clients.push(client);
        }
        Self {
            _postgres: postgres,
            hosts,
            clients,
        }
    }

    /// The same with a cluster of which the first three hosts share the state.
    async fn clustered(names: &[&str]) -> Self {
        let mut group = Self::of(names).await;
        let (control, workers) = names.split_at(3);
        let new = json!({ "name": "north", "control_plane": control, "workers": workers });
        let job = group.clients[0].send(Method::POST, "/clusters", &new).await;
        let job: Job = group.clients[0].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        // They answer with the state that they share from now on.
        for place in 1..3 {
            group.sign_in(place).await;
        }
        group
    }

    /// Signs in by the state that the hosts share, as soon as this one goes by that.
    async fn sign_in(&mut self, place: usize) {
        let host = &self.hosts[place];
        let what = "a control-plane host answers by the group's state";
        self.clients[place] = eventually_within(TAKEN_OVER, what, async || {
            let asked = reqwest::get(format!("{}/api/openapi.json", host.url())).await;
            (asked.ok()?.status() == StatusCode::OK).then_some(())?;
            Some(host.client().await)
        })
        .await;
    }
}

/// Pushes an app of so many instances.
async fn push(client: &Client, version: u32, instances: u32) {
    let wasm = client.upload("app.wasm", &hello_version(version)).await;
    let mut push = push_of(vec![wasm]);
    push.instances = Some(instances);
    let job = client.push("busy", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
}

async fn serves(client: &Client, version: u32) {
    eventually("the router leads to the app", async || {
        let (status, text) = client.ask("busy.localhost", "/").await;
        (status == StatusCode::OK && text.contains(&version.to_string())).then_some(())
    })
    .await;
}

/// Waits until one of these hosts leads, and says which.
async fn leader(clients: &[&Client]) -> usize {
    eventually_within(TAKEN_OVER, "another host leads", async || {
        for (place, client) in clients.iter().enumerate() {
            let asked = client.request(Method::GET, "/link").send().await.ok()?;
            if asked.status() == StatusCode::OK {
                let link: Link = asked.json().await.ok()?;
                assert_eq!(link.standing, Standing::Leader, "calls go to the leader");
                return Some(place);
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn every_control_plane_host_takes_every_change_and_issues_tokens() {
    let group = Group::clustered(&["a", "b", "c", "d"]).await;
    let [a, b, c, d] = &group.clients[..] else {
        panic!("four hosts");
    };
    push(b, 1, 4).await;
    for client in [a, b, c, d] {
        serves(client, 1).await;
    }
    let shown: AppDetail = c.get("/apps/busy").await;
    let running = shown.placements.iter();
    let running = running.filter(|it| it.state == InstanceState::Running);
    assert_eq!(running.count(), 4);

    let cluster: Cluster = c.get("/clusters/north").await;
    assert_eq!(cluster.control_plane.len(), 3);
    assert!(cluster.control_plane[0].leads && !cluster.control_plane[1].leads);
    let hosts = a.hosts().await;
    let standing = |name| {
        let mut hosts = hosts.iter();
        hosts.find(|host| host.name == name).map(|it| it.standing)
    };
    assert_eq!(standing("a"), Some(HostStanding::Leader));
    assert_eq!(standing("b"), Some(HostStanding::ControlPlane));
    assert_eq!(standing("d"), Some(HostStanding::Follower));

    let (_e, e) = named_host("e").await;
    let link = e.join(&c.link_token().await.token).await;
    assert_eq!(link.standing, Standing::Follower);
    // It is in the group, but not in the cluster: nothing is placed there.
    let job: Job = b
        .send(Method::PATCH, "/apps/busy", &json!({ "instances": 6 }))
        .await;
    assert_eq!(a.finished(&job).await.state, JobState::Succeeded);
    let shown: AppDetail = a.get("/apps/busy").await;
    assert!(shown.placements.iter().all(|it| it.host != "e"));
}

#[tokio::test]
async fn when_the_host_that_leads_is_killed_another_one_does_and_nothing_is_lost() {
    let mut group = Group::clustered(&["a", "b", "c", "d"]).await;
    push(&group.clients[0], 1, 4).await;
    for client in &group.clients {
        serves(client, 1).await;
    }
    let load = Load::start(group.hosts[3].apps(), "busy.localhost", "/", 2);
    load.more(50).await;
    group.hosts[0].kill();
    let next = leader(&[&group.clients[1], &group.clients[2]]).await;
    // The token that the other has given is as good here.
    let (b, c) = (&group.clients[1], &group.clients[2]);
    let standing_by = if next == 0 { c } else { b };
    push(standing_by, 2, 4).await;
    serves(&group.clients[3], 2).await;
    load.more(50).await;
    let answers = load.end().await;
    let good: u64 = answers.good.values().sum();
    println!(
        "the leader killed: {} of {} requests failed",
        answers.failed.len(),
        good + answers.failed.len() as u64
    );
    assert!(answers.failed.len() <= 4, "{:?}", answers.failed);

    // It comes back, and follows.
    group.hosts[0].start_again();
    eventually_within(TAKEN_OVER, "the host that led stands by", async || {
        let hosts = b.hosts().await;
        let back = hosts.iter().find(|host| host.name == "a")?;
        (back.standing == HostStanding::ControlPlane && back.state != HostState::Unreachable)
            .then_some(())
    })
    .await;
    serves(&group.clients[0], 2).await;
    let job: Job = group.clients[0]
        .send(Method::PATCH, "/apps/busy", &json!({ "instances": 5 }))
        .await;
    let job = group.clients[0].finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
}

#[tokio::test]
async fn a_cluster_is_scaled_and_taken_apart_and_its_hosts_stay_linked() {
    let group = Group::clustered(&["a", "b", "c", "d"]).await;
    let [a, b, _c, _d] = &group.clients[..] else {
        panic!("four hosts");
    };
    let fewer = json!({ "control_plane": ["a", "b"], "workers": ["c", "d"] });
    let plan: Plan = a
        .send(Method::PATCH, "/clusters/north?dry_run=true", &fewer)
        .await;
    assert_eq!(plan.removes, ["c's share of the group's state"]);
    let job: Job = b.send(Method::PATCH, "/clusters/north", &fewer).await;
    assert_eq!(b.finished(&job).await.state, JobState::Succeeded);
    let cluster: Cluster = b.get("/clusters/north").await;
    assert_eq!((cluster.control_plane.len(), cluster.workers.len()), (2, 2));

    // The host that is asked leads from then on, though another one does by now.
    let asked = b.request(Method::DELETE, "/clusters/north?dry_run=true");
    let plan: Plan = asked.send().await.unwrap().json().await.unwrap();
    let told = plan
        .changes
        .iter()
        .any(|line| line == "b leads from then on");
    assert!(told, "{plan:?}");
    let asked = b.request(Method::DELETE, "/clusters/north").send().await;
    let job: Job = asked.unwrap().json().await.unwrap();
    let ended = b.finished(&job).await;
    assert_eq!(ended.state, JobState::Succeeded, "{ended:#?}");
    let clusters: Page<Cluster> = b.get("/clusters").await;
    assert!(clusters.items.is_empty());
    eventually_within(TAKEN_OVER, "all others follow it", async || {
        let hosts = b.hosts().await;
        assert_eq!(hosts.len(), 4, "all stay linked");
        let follows = |host: &LinkedHost| match host.name.as_str() {
            "b" => host.standing == HostStanding::Leader,
            _ => host.standing == HostStanding::Follower && host.state != HostState::Unreachable,
        };
        hosts.iter().all(follows).then_some(())
    })
    .await;
    push(b, 1, 4).await;
    for client in &group.clients {
        serves(client, 1).await;
    }
}

#[tokio::test]
async fn a_cluster_comes_about_though_hosts_die_while_it_is_made() {
    let mut group = Group::of(&["a", "b", "c", "d"]).await;
    // One that is to share the state is away, so that the job cannot end yet.
    group.hosts[2].kill();
    let new = json!({ "name": "north", "control_plane": ["a", "b", "c"], "workers": ["d"] });
    let a = &group.clients[0];
    let job: Job = a.send(Method::POST, "/clusters", &new).await;
    let path = format!("/jobs/{}", job.id);
    eventually_within(TAKEN_OVER, "the job waits for it", async || {
        let job: Job = a.get(&path).await;
        (job.step == "waiting for hosts").then_some(())
    })
    .await;
    // The host that leads dies too: the one that shares the state already goes on.
    group.hosts[0].kill();
    group.sign_in(1).await;
    let b = &group.clients[1];
    eventually_within(TAKEN_OVER, "another host goes on with it", async || {
        let asked = b.request(Method::GET, &path).send().await.ok()?;
        (asked.status() == StatusCode::OK).then_some(())
    })
    .await;
    // What the third knows of is the host that led when it died, which tells it who
    // does by now.
    for place in [0, 2] {
        group.hosts[place].start_again();
    }
    let job = b.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    for place in [0, 2] {
        group.sign_in(place).await;
    }
    push(&group.clients[2], 1, 4).await;
    for client in &group.clients {
        serves(client, 1).await;
    }
}

#[tokio::test]
async fn what_makes_no_cluster_is_refused_with_the_field_and_the_remedy() {
    let (_host, alone) = named_host("alone").await;
    let refused = async |client: &Client, new: Value| -> Problem {
        let asked = client.request(Method::POST, "/clusters").json(&new);
        asked.send().await.unwrap().json().await.unwrap()
    };
    let one = json!({ "name": "north", "control_plane": ["alone"] });
    assert_eq!(refused(&alone, one).await.code, "not-linked");

    let (_other, other) = named_host("other").await;
    other.join(&alone.link_token().await.token).await;
    let both = json!({ "name": "north", "control_plane": ["alone", "other"] });
    let problem = refused(&alone, both).await;
    assert_eq!(problem.code, "state-not-shared");
    assert!(problem.remedy.unwrap().contains("muster state move --to"));
    let unknown = json!({ "name": "north", "control_plane": ["alone", "nobody"] });
    let problem = refused(&alone, unknown).await;
    assert_eq!(problem.fields[0].field, "control_plane[1]");
    let without = json!({ "name": "north", "control_plane": ["other"] });
    assert_eq!(
        refused(&alone, without).await.fields[0].field,
        "control_plane"
    );
    let twice = json!({ "name": "north", "control_plane": ["alone"], "workers": ["alone"] });
    assert_eq!(refused(&alone, twice).await.fields[0].field, "workers");
    let name = json!({ "name": "No Name", "control_plane": ["alone"] });
    assert_eq!(refused(&alone, name).await.fields[0].field, "name");

    // One host that leads needs to share nothing.
    let small = json!({ "name": "small", "control_plane": ["alone"], "workers": ["other"] });
    let job: Job = alone.send(Method::POST, "/clusters", &small).await;
    assert_eq!(alone.finished(&job).await.state, JobState::Succeeded);
    let again = json!({ "name": "more", "control_plane": ["alone"] });
    assert_eq!(refused(&alone, again).await.code, "cluster-exists");
}
