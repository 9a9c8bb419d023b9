//! What may happen to a group of hosts. A new kind of thing gets a variant, its
//! share in `pick`, and an arm in `carry_out`; hosts are called by their number.

use std::time::Duration;

use muster_api::{jobs::Job, links::LinkTokenSecret, plan::Plan, problem::Problem};
use muster_e2e::{hello_version, push_of};
use rand::{Rng, RngExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use tokio::time::timeout;

use super::world::World;

/// How long a host may take to answer; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is refused, as long as it is for a reason, is no failure.
const REFUSALS: [StatusCode; 2] = [StatusCode::CONFLICT, StatusCode::NOT_FOUND];
/// About what a whole join takes, in bytes.
const JOIN: u64 = 14_000;
/// After how long a host that is not heard is lost.
const UNREACHABLE: Duration = Duration::from_secs(10);
/// What apps of a host are called, before its number.
const APPS: [&str; 2] = ["red", "blue"];
/// The most instances that an app gets.
const INSTANCES: u32 = 4;

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// A host is to follow another one.
    Join { host: usize, leader: usize },
    /// The same, and its line is cut in the middle of it.
    JoinCutOff {
        host: usize,
        leader: usize,
        bytes: u64,
    },
    /// The same, and one of both is killed in the middle of it.
    JoinKilled {
        host: usize,
        leader: usize,
        killed: usize,
        after: Duration,
    },
    /// The same, and whoever asked for it does not wait for the answer.
    JoinGivenUp {
        host: usize,
        leader: usize,
        after: Duration,
    },
    /// A host wants out.
    Leave(usize),
    /// A host does not wait for its leader's word.
    Abandon(usize),
    /// A leader takes a host out.
    Remove { leader: usize, host: usize },
    /// A leader gives a host up for lost.
    ForceOut { leader: usize, host: usize },
    /// A leader wants to be none.
    StopLeading(usize),
    /// Nothing gets through between two.
    Cut(usize, usize),
    /// What the first sends does not reach the second.
    CutOneWay(usize, usize),
    /// It does again.
    Mend(usize, usize),
    /// A host's line loses packets.
    Lossy(usize),
    /// A host's line is slow.
    Slow(usize),
    /// The network is whole.
    Heal,
    /// A power failure.
    Kill(usize),
    /// The power is back.
    Start(usize),
    /// A host gets another address.
    Move(usize),
    /// Time passes.
    Wait(Duration),
    /// A new app, or another version of one.
    Push { host: usize, app: usize },
    /// An app gets another number of instances.
    Scale {
        host: usize,
        app: usize,
        instances: u32,
    },
    /// An app is deleted.
    Delete { host: usize, app: usize },
    /// A leader wants a host empty.
    Drain { leader: usize, host: usize },
    /// It may have instances again.
    Resume { leader: usize, host: usize },
}

impl Operation {
    /// Picks something that happens to so many hosts, of which one may move.
    /// What is picked depends on the random numbers alone.
    pub fn pick(rng: &mut impl Rng, hosts: usize, mover: usize) -> Self {
        let host = rng.random_range(0..hosts);
        let other = (host + rng.random_range(1..hosts)) % hosts;
        // Mostly the first one leads, so that there are groups of several.
        let (host, leader) = match rng.random_range(0..10) {
            0..7 if host > 0 => (host, 0),
            0..7 => (other, 0),
            _ => (host, other),
        };
        let other = if host == other { leader } else { other };
        let millis = rng.random_range(0..3_000);
        let app = rng.random_range(0..APPS.len());
        match rng.random_range(0..135) {
            0..20 => Self::Join { host, leader },
            20..27 => Self::JoinCutOff {
                host,
                leader,
                bytes: rng.random_range(0..JOIN),
            },
            27..31 => Self::JoinKilled {
                host,
                leader,
                killed: if rng.random() { host } else { leader },
                after: Duration::from_millis(millis / 40),
            },
            31..35 => Self::JoinGivenUp {
                host,
                leader,
                after: Duration::from_millis(millis / 40),
            },
            35..37 => Self::StopLeading(leader),
            37..41 => Self::Leave(host),
            41..43 => Self::Abandon(host),
            43..46 => Self::Remove { leader, host },
            46..49 => Self::ForceOut { leader, host },
            49..54 => Self::Cut(host, other),
            54..59 => Self::CutOneWay(host, other),
            59..64 => Self::Mend(host, other),
            64..67 => Self::Lossy(host),
            67..70 => Self::Slow(host),
            70..75 => Self::Heal,
            75..79 => Self::Kill(host),
            79..94 => Self::Start(rng.random_range(0..hosts)),
            94..97 => Self::Move(mover),
            97..99 => Self::Wait(Duration::from_millis(millis)),
            // Long enough that whoever is not heard is lost.
            99 => Self::Wait(UNREACHABLE + Duration::from_millis(millis)),
            100..114 => Self::Push { host: leader, app },
            114..126 => Self::Scale {
                host: leader,
                app,
                instances: rng.random_range(1..=INSTANCES),
            },
            126..129 => Self::Delete { host: leader, app },
            129..132 => Self::Drain { leader, host },
            _ => Self::Resume { leader, host },
        }
    }

    /// Lets it happen, and says what came of it.
    pub async fn carry_out(self, world: &mut World) -> String {
        match self {
            Self::Join { host, leader }
            | Self::JoinCutOff { host, leader, .. }
            | Self::JoinKilled { host, leader, .. }
            | Self::JoinGivenUp { host, leader, .. } => {
                return match joining(world, host, leader).await {
                    Ok(request) => self.join(world, request).await,
                    Err(why) => why,
                };
            }
            Self::Leave(host) => return leave(world, host, false).await,
            Self::Abandon(host) => return leave(world, host, true).await,
            Self::Remove { leader, host } => return remove(world, leader, host, "").await,
            Self::ForceOut { leader, host } => {
                return remove(world, leader, host, "?force=true").await;
            }
            Self::StopLeading(host) => {
                let Some(client) = world.client(host) else {
                    return down();
                };
                return ask(client.request(Method::POST, "/link/actions/stop-leading")).await;
            }
            Self::Cut(one, other) => world.network.cut(one, other),
            Self::CutOneWay(from, to) => world.network.cut_one_way(from, to),
            Self::Mend(one, other) => world.network.mend(one, other),
            Self::Lossy(host) => world.network.lossy(host, 20),
            Self::Slow(host) => world.network.slow(host, Duration::from_millis(150)),
            Self::Heal => world.network.heal(),
            Self::Kill(host) => world.kill(host),
            Self::Start(host) => world.start_again(host).await,
            Self::Move(host) => world.move_host(host).await,
            Self::Wait(time) => tokio::time::sleep(time).await,
            Self::Push { host, app } => return push(world, host, app).await,
            Self::Scale {
                host,
                app,
                instances,
            } => return scale(world, host, app, instances).await,
            Self::Delete { host, app } => return delete(world, host, app).await,
            Self::Drain { leader, host } => return drain(world, leader, host, "drain").await,
            Self::Resume { leader, host } => return drain(world, leader, host, "resume").await,
        }
        "done".to_owned()
    }

    /// Joins with that request, as well as it can be done with what happens
    /// meanwhile.
    async fn join(self, world: &mut World, request: RequestBuilder) -> String {
        match self {
            Self::JoinCutOff { host, bytes, .. } => {
                world.network.cut_after(host, bytes);
                ask(request).await
            }
            Self::JoinKilled {
                host,
                killed,
                after,
                ..
            } => {
                let asked = tokio::spawn(request.timeout(PATIENCE).send());
                tokio::time::sleep(after).await;
                world.kill(killed);
                match asked.await.expect("no panic") {
                    Ok(answer) => judge(answer).await,
                    Err(_) if killed == host => "nobody answers".to_owned(),
                    Err(error) => panic!("a host that is up answers: {error}"),
                }
            }
            Self::JoinGivenUp { after, .. } => {
                let asked = timeout(after, ask(request)).await;
                asked.unwrap_or_else(|_| "given up".to_owned())
            }
            _ => ask(request).await,
        }
    }
}

/// Begins with a group of all hosts and an app on them.
pub async fn group(world: &mut World) {
    for host in 1..world.len() {
        let joined = joining(world, host, 0).await;
        ask(joined.expect("nothing is wrong yet")).await;
    }
    push(world, 0, 0).await;
    scale(world, 0, 0, INSTANCES).await;
    println!("    there is a group with an app");
}

fn down() -> String {
    "nobody is there".to_owned()
}

/// Sends a request that is done or refused, whatever is wrong with the network.
async fn ask(request: RequestBuilder) -> String {
    let answer = request.timeout(PATIENCE).send().await;
    judge(answer.expect("a host that is up answers")).await
}

async fn judge(answer: Response) -> String {
    let said: Result<IgnoredAny, String> = said(answer).await;
    said.map_or_else(|why| why, |_| "done".to_owned())
}

/// What a host says, or the code with which it refuses.
async fn said<T: DeserializeOwned>(answer: Response) -> Result<T, String> {
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    if status.is_success() {
        return Ok(serde_json::from_str(&text).expect("what was asked for"));
    }
    assert!(REFUSALS.contains(&status), "{status}: {text}");
    let problem: Problem = serde_json::from_str(&text).expect("a problem");
    Err(problem.code)
}

/// The same as [`ask`], with what it says.
async fn hear<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, String> {
    let answer = request.timeout(PATIENCE).send().await;
    said(answer.expect("a host that is up answers")).await
}

fn name(host: usize, app: usize) -> String {
    format!("{}-{host}", APPS[app])
}

async fn push(world: &mut World, host: usize, app: usize) -> String {
    let Some(client) = world.client(host).cloned() else {
        return down();
    };
    let (name, version) = (name(host, app), world.ledger.next_version());
    let wasm = client.upload("app.wasm", &hello_version(version)).await;
    let request = client.request(Method::POST, &format!("/apps/{name}/pushes"));
    match hear::<Job>(request.json(&push_of(vec![wasm]))).await {
        Ok(job) => {
            world.ledger.pushed(host, &name, job.id, version);
            format!("version {version}")
        }
        Err(why) => why,
    }
}

async fn scale(world: &mut World, host: usize, app: usize, instances: u32) -> String {
    let Some(client) = world.client(host) else {
        return down();
    };
    let name = name(host, app);
    let request = client.request(Method::PATCH, &format!("/apps/{name}"));
    match hear::<Job>(request.json(&json!({ "instances": instances }))).await {
        Ok(_) => {
            world.ledger.scaled(host, &name, instances);
            "done".to_owned()
        }
        Err(why) => why,
    }
}

async fn delete(world: &mut World, host: usize, app: usize) -> String {
    let Some(client) = world.client(host) else {
        return down();
    };
    let name = name(host, app);
    match hear::<Plan>(client.request(Method::DELETE, &format!("/apps/{name}"))).await {
        Ok(_) => {
            world.ledger.deleted(host, &name);
            "done".to_owned()
        }
        Err(why) => why,
    }
}

async fn drain(world: &mut World, leader: usize, host: usize, verb: &str) -> String {
    let id = world.id(host);
    let Some(client) = world.client(leader) else {
        return down();
    };
    let path = format!("/hosts/{id}/actions/{verb}");
    ask(client.request(Method::POST, &path).json(&json!({}))).await
}

/// The request of one host to join another, with a token for it; or why there
/// is none.
async fn joining(world: &mut World, host: usize, leader: usize) -> Result<RequestBuilder, String> {
    let (Some(joiner), Some(leading)) = (world.client(host), world.client(leader)) else {
        return Err(down());
    };
    let made = leading.request(Method::POST, "/link-tokens");
    let made = made.json(&json!({})).timeout(PATIENCE).send().await;
    let made = made.expect("a host that is up answers");
    if !made.status().is_success() {
        return Err(judge(made).await);
    }
    let made: LinkTokenSecret = made.json().await.expect("a token");
    Ok(joiner.joining(&made.token))
}

async fn leave(world: &mut World, host: usize, abandon: bool) -> String {
    let Some(client) = world.client(host) else {
        return down();
    };
    let leader = client.link().await.leader;
    let leave = client.request(Method::POST, "/link/actions/leave");
    let outcome = ask(leave.json(&json!({ "abandon": abandon }))).await;
    if let Some(leader) = leader.filter(|_| abandon) {
        world.abandoned(leader.id, host);
    }
    outcome
}

async fn remove(world: &mut World, leader: usize, host: usize, how: &str) -> String {
    let id = world.id(host);
    let Some(client) = world.client(leader) else {
        return down();
    };
    ask(client.request(Method::DELETE, &format!("/hosts/{id}{how}"))).await
}
