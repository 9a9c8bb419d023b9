//! What hosts must agree on about apps, once nothing is wrong with their network
//! any more.

use std::collections::{BTreeMap, BTreeSet};

use muster_api::{
    apps::{App, AppDetail, DesiredState, Instance, InstanceState},
    hosts::LinkedHost,
    id::HostId,
    links::Link,
    page::Page,
};
use muster_e2e::{Client, greeting};
use reqwest::StatusCode;

use super::{ledger::Due, world::World};

/// How often a router is asked for an app: more than one of its instances
/// should answer.
const ASKED: usize = 3;

/// Says the first thing about apps that is not as it must be.
pub async fn disagreement(world: &World) -> Option<String> {
    let mut links = Vec::new();
    for client in world.all() {
        links.push(client.link().await);
    }
    for (host, client) in world.all().enumerate() {
        let complaint = of_host(world, host, client, &links[host]).await;
        if let Err(complaint) = complaint {
            return Some(format!("host {host}: {complaint}"));
        }
    }
    None
}

async fn of_host(world: &World, host: usize, client: &Client, link: &Link) -> Result<(), String> {
    let page: Page<App> = client.get("/apps?limit=500").await;
    let known: BTreeSet<&str> = page.items.iter().map(|app| app.name.as_str()).collect();
    let told: BTreeSet<&str> = world.ledger.of(host).map(|(name, _)| name).collect();
    require(known == told, || {
        format!("has the apps {known:?} and was told of {told:?}")
    })?;
    let decides = decider(world, link);
    if decides != host {
        let started = page
            .items
            .iter()
            .find(|app| app.state == DesiredState::Started);
        require(started.is_none(), || {
            format!("follows, and is to run an app of its own: {started:?}")
        })?;
    }
    let (members, due) = match decides == host {
        true => placed(world, host, client).await?,
        false => {
            let leader = world.client(decides).ok_or("its leader is down")?;
            (Vec::new(), due(world, decides, leader).await?)
        }
    };
    for (member, workloads) in members {
        let told = member.about.workloads as usize;
        require(told == workloads, || {
            format!(
                "{} runs {told} instances and is to run {workloads}",
                member.name
            )
        })?;
    }
    routed(world, client, &due).await
}

/// The number of the host that decides what runs on that one.
fn decider(world: &World, link: &Link) -> usize {
    let leader = link.leader.as_ref().map_or(link.host, |leader| leader.id);
    world.number(leader)
}

type Dues = BTreeMap<String, Due>;

async fn due(world: &World, host: usize, client: &Client) -> Result<Dues, String> {
    let mut dues = Dues::new();
    for (name, told) in world.ledger.of(host) {
        let due = told.due(client).await?;
        let due = due.ok_or_else(|| format!("a push of {name} is under way"))?;
        dues.insert(name.to_owned(), due);
    }
    Ok(dues)
}

/// Looks at a host that decides: exactly what it was told runs, and each
/// instance has one place. Answers with the members of its group and how many
/// instances each is to run.
async fn placed(
    world: &World,
    host: usize,
    client: &Client,
) -> Result<(Vec<(LinkedHost, usize)>, Dues), String> {
    let dues = due(world, host, client).await?;
    let hosts = client.hosts().await;
    let own: HostId = world.id(host);
    let mut per_host: BTreeMap<String, usize> = BTreeMap::new();
    for (name, due) in &dues {
        let shown: AppDetail = client.get(&format!("/apps/{name}")).await;
        as_due(&shown, due).map_err(|complaint| format!("{name} {complaint}: {shown:#?}"))?;
        for instance in &shown.placements {
            let at = hosts.iter().find(|it| it.name == instance.host);
            let free = hosts.iter().any(|it| !it.draining);
            require(at.is_some() || hosts.is_empty(), || {
                format!("{name} runs on {}, which is no member", instance.host)
            })?;
            let empty = at.is_some_and(|at| at.draining && free && hosts.len() > 1);
            require(!empty, || format!("{name} runs on a drained host"))?;
            *per_host.entry(instance.host.clone()).or_default() += 1;
        }
    }
    let members = hosts.into_iter().filter(|it| it.id != own).map(|it| {
        let workloads = per_host.get(&it.name).copied().unwrap_or_default();
        (it, workloads)
    });
    Ok((members.collect(), dues))
}

fn as_due(shown: &AppDetail, due: &Due) -> Result<(), String> {
    let app = &shown.app;
    if due.version.is_none() {
        return require(shown.placements.is_empty(), || {
            "runs and was never pushed with success".to_owned()
        });
    }
    let indexes: BTreeSet<u32> = shown.placements.iter().map(|it| it.index).collect();
    let runs =
        |it: &Instance| it.state == InstanceState::Running && Some(it.release) == app.release;
    require(app.state == DesiredState::Started, || {
        "is stopped".to_owned()
    })?;
    require(app.next_release.is_none(), || {
        "is being rolled out".to_owned()
    })?;
    require(app.instances == due.instances, || {
        format!("should have {} instances", due.instances)
    })?;
    require(
        shown.placements.len() == due.instances as usize
            && indexes.len() == shown.placements.len()
            && shown.placements.iter().all(runs),
        || "does not run as it should".to_owned(),
    )
}

/// Asks a host's router for all apps there are: those of its group answer with
/// the newest version, the others are not known.
async fn routed(world: &World, client: &Client, due: &Dues) -> Result<(), String> {
    for name in world.ledger.names() {
        let expected = due.get(name);
        let version = expected.filter(|due| due.instances > 0);
        let version = version.and_then(|due| due.version);
        for _ in 0..ASKED {
            let (status, body) = client.ask(&format!("{name}.localhost"), "/").await;
            let right = match version {
                Some(version) => status == StatusCode::OK && body == greeting(version),
                None => status != StatusCode::OK,
            };
            require(right, || {
                format!("its router answers {status} {body:?} for {name}, not {version:?}")
            })?;
        }
    }
    Ok(())
}

fn require(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(complaint()),
    }
}

/// What failed of what was pushed, for whoever reads what a sequence did.
pub async fn failures(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for (host, client) in world.all().enumerate() {
        for (name, told) in world.ledger.of(host) {
            let failed = told.failures(client).await;
            all.extend(failed.into_iter().map(|why| format!("{name}, {why}")));
        }
    }
    all
}
