//! What may happen to a cluster. A new kind of thing gets a variant, its share in
//! `pick`, and an arm in `carry_out`; hosts are called by their number.

use std::time::Duration;

use muster_api::{
    blocks::{Digest, MAX_BLOCK},
    jobs::Job,
};
use muster_e2e::{hello_version, push_of};
use rand::{Rng, RngExt};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::world::{APP, CONTROL, HOSTS, World};
use crate::asking::Asked;

/// The most instances that the app gets.
const INSTANCES: u32 = 6;
/// Longer than a lease lasts.
const LEASE: Duration = Duration::from_secs(9);

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// Somebody makes a project.
    Change { host: usize },
    /// Somebody pushes another version of the app.
    Push { host: usize },
    /// The app gets another number of instances.
    Scale { host: usize, instances: u32 },
    /// A host loses its power.
    Kill(usize),
    /// The power is back.
    Start(usize),
    /// A host is stopped in its tracks.
    Pause(usize),
    /// It goes on.
    GoOn(usize),
    /// Nothing gets through between two hosts.
    Cut(usize, usize),
    /// What one sends does not reach the other.
    CutOneWay(usize, usize),
    /// Nothing gets through between a host and the others.
    Isolate(usize),
    /// All lines are good again.
    Heal,
    /// The database loses its power.
    KillDatabase,
    /// It is stopped in its tracks.
    PauseDatabase,
    /// It is back as it was.
    RestoreDatabase,
    /// The database fails over to its standby, if it has one.
    Promote,
    /// Time passes.
    Wait(Duration),
}

impl Operation {
    /// Picks something. What is picked depends on the random numbers alone.
    pub fn pick(rng: &mut impl Rng) -> Self {
        let host = rng.random_range(0..HOSTS);
        let other = (host + rng.random_range(1..HOSTS)) % HOSTS;
        let control = rng.random_range(0..CONTROL);
        // The last one is where the app is asked all the time.
        let victim = rng.random_range(0..HOSTS - 1);
        let millis = rng.random_range(0..2_000);
        match rng.random_range(0..100) {
            0..30 => Self::Change { host: control },
            30..36 => Self::Push { host: control },
            36..42 => Self::Scale {
                host: control,
                instances: rng.random_range(2..=INSTANCES),
            },
            42..47 => Self::Kill(victim),
            47..57 => Self::Start(victim),
            57..60 => Self::Pause(victim),
            60..65 => Self::GoOn(victim),
            65..68 => Self::Cut(host, other),
            68..71 => Self::CutOneWay(host, other),
            71..73 => Self::Isolate(victim),
            73..79 => Self::Heal,
            79..81 => Self::KillDatabase,
            81..83 => Self::PauseDatabase,
            83..91 => Self::RestoreDatabase,
            91..93 => Self::Promote,
            93..97 => Self::Wait(Duration::from_millis(millis)),
            _ => Self::Wait(LEASE),
        }
    }

    /// Lets it happen, and says what came of it.
    pub async fn carry_out(self, world: &mut World) -> String {
        match self {
            Self::Change { host } => return change(world, host).await,
            Self::Push { host } => return push(world, host).await,
            Self::Scale { host, instances } => return scale(world, host, instances).await,
            Self::Kill(host) => world.kill(host),
            Self::Start(host) => world.start_again(host).await,
            Self::Pause(host) => world.pause(host),
            Self::GoOn(host) => world.go_on(host),
            Self::Cut(one, other) => world.network.cut(one, other),
            Self::CutOneWay(from, to) => world.network.cut_one_way(from, to),
            Self::Isolate(host) => world.network.isolate(host),
            Self::Heal => world.network.heal(),
            Self::KillDatabase => world.database.kill(),
            Self::PauseDatabase => world.database.pause(),
            Self::RestoreDatabase => world.database.restore(),
            Self::Promote => world.database.promote(),
            Self::Wait(time) => tokio::time::sleep(time).await,
        }
        "done".to_owned()
    }
}

async fn change(world: &mut World, host: usize) -> String {
    let name = format!("change-{}", world.ledger.number());
    let request = world.client(host).request(Method::POST, "/projects");
    let asked = world
        .ask(host, request.json(&json!({ "name": name })))
        .await;
    let ledger = &mut world.ledger;
    match asked {
        Asked::Accepted(_) => {
            ledger.made.insert(name);
            "made".to_owned()
        }
        Asked::Refused(why) => {
            ledger.refused.insert(name);
            format!("refused: {why}")
        }
        Asked::Unknown(why) => {
            ledger.unknown.insert(name);
            format!("nobody can tell: {why}")
        }
    }
}

async fn push(world: &mut World, host: usize) -> String {
    let version = world.ledger.number();
    let client = world.client(host);
    let wasm = hello_version(version);
    for block in wasm.chunks(MAX_BLOCK) {
        let digest = Digest::from_bytes(&Sha256::digest(block).into());
        let put = client.request(Method::PUT, &format!("/blocks/{digest}"));
        match world.ask(host, put.body(block.to_vec())).await {
            Asked::Accepted(_) => {}
            Asked::Refused(why) | Asked::Unknown(why) => return format!("not uploaded: {why}"),
        }
    }
    let file = muster_api::blocks::FileEntry {
        path: "app.wasm".to_owned(),
        size: wasm.len() as u64,
        blocks: wasm
            .chunks(MAX_BLOCK)
            .map(|block| Digest::from_bytes(&Sha256::digest(block).into()))
            .collect(),
    };
    let request = client.request(Method::POST, &format!("/apps/{APP}/pushes"));
    let (job, told) = match world.ask(host, request.json(&push_of(vec![file]))).await {
        Asked::Accepted(response) => match response.json::<Job>().await {
            Ok(job) => (Some(job.id), format!("version {version} accepted")),
            Err(error) => (None, format!("version {version}, nobody can tell: {error}")),
        },
        Asked::Refused(why) => return format!("refused: {why}"),
        Asked::Unknown(why) => (None, format!("version {version}, nobody can tell: {why}")),
    };
    world.ledger.pushes.push((version, job));
    told
}

async fn scale(world: &mut World, host: usize, instances: u32) -> String {
    let request = world.client(host);
    let request = request.request(Method::PATCH, &format!("/apps/{APP}"));
    let asked = world
        .ask(host, request.json(&json!({ "instances": instances })))
        .await;
    let ledger = &mut world.ledger;
    match asked {
        Asked::Accepted(_) => {
            ledger.instances = [instances].into();
            "scaled".to_owned()
        }
        Asked::Refused(why) => format!("refused: {why}"),
        Asked::Unknown(why) => {
            ledger.instances.insert(instances);
            format!("nobody can tell: {why}")
        }
    }
}
