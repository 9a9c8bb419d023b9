//! What a cluster must agree on, once nothing is wrong any more.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use muster_api::{
    apps::{AppDetail, InstanceState},
    audit::AuditVerification,
    hosts::{HostStanding, HostState, LinkedHost},
    jobs::{Job, JobState},
    links::{Link, Standing},
    page::Page,
};
use muster_e2e::{Client, greeting};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::world::{APP, CONTROL, HOSTS, World};

/// How long it may take.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until the cluster is as it must be, and says how long that took.
///
/// # Panics
/// If it is not.
pub async fn reach(world: &World) -> Duration {
    let begun = Instant::now();
    loop {
        let Err(complaint) = look(world).await else {
            return begun.elapsed();
        };
        assert!(begun.elapsed() < PATIENCE, "{complaint}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn look(world: &World) -> Result<(), String> {
    let mut leaders = BTreeSet::new();
    for host in 0..CONTROL {
        let link: Link = get(world.client(host), "/link").await?;
        if link.standing != Standing::Leader {
            return Err(format!("{host} answers as {:?}", link.standing));
        }
        leaders.insert(link.host);
    }
    if leaders.len() != 1 {
        return Err(format!("several lead: {leaders:?}"));
    }
    let client = world.client(0);
    hosts(client).await?;
    projects(world).await?;
    app(world).await?;
    let verified: AuditVerification = get(client, "/audit/verification").await?;
    match verified.whole {
        true => Ok(()),
        false => Err(format!("the audit log is not whole: {verified:?}")),
    }
}

async fn hosts(client: &Client) -> Result<(), String> {
    let page: Page<LinkedHost> = get(client, "/hosts?limit=500").await?;
    let count = |standing| {
        page.items
            .iter()
            .filter(|it| it.standing == standing)
            .count()
    };
    let standings = [
        (HostStanding::Leader, 1),
        (HostStanding::ControlPlane, CONTROL - 1),
        (HostStanding::Follower, HOSTS - CONTROL),
    ];
    for (standing, expected) in standings {
        let there = count(standing);
        if there != expected {
            return Err(format!("{there} hosts are {standing:?}, not {expected}"));
        }
    }
    let is_there = |host: &&LinkedHost| matches!(host.state, HostState::Ready | HostState::InUse);
    match page.items.iter().find(|host| !is_there(host)) {
        None => Ok(()),
        Some(host) => Err(format!("{} is {:?}", host.name, host.state)),
    }
}

/// Whatever was acknowledged is there, and whatever was refused is not.
///
/// # Panics
/// If it is not so: that is no matter of time.
async fn projects(world: &World) -> Result<(), String> {
    let mut there = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/projects?limit=500{cursor}");
        let page: Page<Value> = get(world.client(1), &path).await?;
        let names = page.items.iter().filter_map(|it| it["name"].as_str());
        there.extend(names.map(str::to_owned));
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let lost: Vec<_> = world.ledger.made.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
    let ghosts: Vec<_> = world.ledger.refused.intersection(&there).collect();
    assert!(ghosts.is_empty(), "refused, and there: {ghosts:?}");
    Ok(())
}

async fn app(world: &World) -> Result<(), String> {
    let client = world.client(2);
    let versions = versions(world, client).await?;
    let shown: AppDetail = get(client, &format!("/apps/{APP}")).await?;
    let instances = shown.app.instances;
    if !world.ledger.instances.contains(&instances) {
        return Err(format!(
            "it has {instances} instances, not {:?}",
            world.ledger.instances
        ));
    }
    let running = shown.placements.iter();
    let running = running.filter(|it| it.state == InstanceState::Running);
    if running.count() != shown.placements.len() || shown.placements.len() != instances as usize {
        return Err(format!("not all run: {:#?}", shown.placements));
    }
    let mut told = BTreeSet::new();
    for host in 0..HOSTS {
        let name = format!("{APP}.localhost");
        let asked = world.client(host).app(Method::GET, &name, "/").send().await;
        let asked = asked.map_err(|error| format!("the router of {host}: {error}"))?;
        if asked.status() != StatusCode::OK {
            return Err(format!("the router of {host} answers {}", asked.status()));
        }
        told.insert(asked.text().await.map_err(|error| error.to_string())?);
    }
    let allowed: BTreeSet<_> = versions.into_iter().map(greeting).collect();
    match told.len() == 1 && told.is_subset(&allowed) {
        true => Ok(()),
        false => Err(format!("routers answer {told:?}, and should {allowed:?}")),
    }
}

/// The versions of the app that may run: the last one whose push was acknowledged
/// and went well, and later ones of which nobody can tell.
async fn versions(world: &World, client: &Client) -> Result<Vec<u32>, String> {
    let mut allowed = Vec::new();
    for (version, job) in &world.ledger.pushes {
        let Some(job) = job else {
            allowed.push(*version);
            continue;
        };
        let job: Job = get(client, &format!("/jobs/{job}")).await?;
        if !job.state.is_final() {
            return Err(format!("the push of version {version} is {:?}", job.state));
        }
        if job.state == JobState::Succeeded {
            allowed = vec![*version];
        }
    }
    Ok(allowed)
}

async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, String> {
    let asked = client.request(Method::GET, path).send().await;
    let asked = asked.map_err(|error| format!("{path}: {error}"))?;
    let (status, text) = (asked.status(), asked.text().await);
    let text = text.map_err(|error| format!("{path}: {error}"))?;
    if status != StatusCode::OK {
        return Err(format!("{path}: {status} {text}"));
    }
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
}
