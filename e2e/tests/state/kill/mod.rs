//! The host is killed at any moment: what was acknowledged is never lost, what was
//! not is there wholly or not at all, and what had begun comes to its end.
//!
//! `MUSTER_E2E_SEED` repeats a run as far as that is possible, and
//! `MUSTER_E2E_ROUNDS` says how often it is killed.

mod checks;
mod lanes;
mod model;

use std::{
    collections::BTreeMap,
    fs,
    str::FromStr,
    time::{Duration, Instant},
};

use lanes::{Apps, Content, Cut, Leads, Router, Routes, Scaled, Variables};
use model::Maybe;
use muster_api::roles::RoleState;
use muster_e2e::{Client, Host, HostOptions, greeting, guest, hello_version, marked};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

/// How often the host is killed unless told.
const ROUNDS: u32 = 60;
/// How long a host is at work before it is killed, at most.
const LONGEST: Duration = Duration::from_millis(600);
/// The steps of a push at which it may be killed.
const STEPS: [&str; 3] = ["staging", "compiling", "starting"];

/// Everything that is changed, with what is known of it.
struct World {
    content: Content,
    variables: Variables,
    scaled: Scaled,
    routes: Routes,
    router: Router,
    apps: Apps,
}

impl World {
    async fn make(client: &Client) -> Self {
        for app in ["content", "scaled", "steady"] {
            client.push_component(app, &hello_version(0)).await;
        }
        client.push_component("variables", &hello_version(0)).await;
        let mut plugins = Vec::new();
        for component in [
            Some(marked(guest("router"), "one")),
            Some(marked(guest("router"), "two")),
            None,
        ] {
            let role = client.put_role("router", component.clone()).await;
            let plugin = role.plugin.expect("a plugin plays it");
            plugins.push((plugin.digest, component));
        }
        let bundled = plugins[2].0.clone();
        let hosts = (0..5).map(|number| format!("route-{number}.test"));
        let mut world = Self {
            content: Content {
                serves: Maybe::sure(greeting(0)),
                next_version: 1,
                taken: None,
            },
            variables: Variables {
                value: Maybe::sure(String::new()),
                next: 0,
                taken: None,
            },
            scaled: Scaled {
                instances: Maybe::sure(1),
            },
            routes: Routes {
                all: hosts
                    .map(|host| (host, Maybe::sure(Leads::Nowhere)))
                    .collect(),
            },
            router: Router {
                plugins,
                digest: Maybe::sure(bundled),
            },
            apps: Apps {
                number: 0,
                there: Maybe::sure(false),
            },
        };
        world.variables.value = Maybe::sure(world.variables.begin(client).await);
        world
    }

    /// Changes things until the host is killed. Says what was going on then.
    async fn work(
        &mut self,
        client: &Client,
        busy: [bool; 6],
        seeds: [u64; 3],
        steps: &watch::Sender<String>,
    ) -> Vec<&'static str> {
        let [one, two, three] = seeds.map(StdRng::seed_from_u64);
        let cuts = tokio::join!(
            when(busy[0], self.content.run(client, steps)),
            when(busy[1], self.variables.run(client)),
            when(busy[2], self.scaled.run(client, one)),
            when(busy[3], self.routes.run(client, two)),
            when(busy[4], self.router.run(client, three)),
            when(busy[5], self.apps.run(client)),
        );
        let cuts = [cuts.0, cuts.1, cuts.2, cuts.3, cuts.4, cuts.5];
        cuts.into_iter().flatten().collect()
    }
}

/// Runs a lane to its end, or not at all.
async fn when(busy: bool, lane: impl Future<Output = Cut>) -> Option<&'static str> {
    if busy { lane.await.err() } else { None }
}

/// Waits for the moment and kills the host.
async fn kill_at(
    host: &Host,
    step: Option<&str>,
    pause: Duration,
    mut seen: watch::Receiver<String>,
) {
    if let Some(step) = step {
        let reached = seen.wait_for(|seen| seen == step);
        let _ = tokio::time::timeout(LONGEST * 2, reached).await;
    }
    tokio::time::sleep(pause).await;
    let pid = i32::try_from(host.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), Signal::KILL).expect("the process is ours");
}

fn from_environment<T: FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test]
async fn what_was_acknowledged_outlives_every_kill() {
    let seed = from_environment("MUSTER_E2E_SEED").unwrap_or_else(rand::random);
    let rounds = from_environment("MUSTER_E2E_ROUNDS").unwrap_or(ROUNDS);
    println!("seed {seed}, {rounds} rounds");
    let mut rng = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let mut host = Host::start().await;
    let mut world = World::make(&host.client().await).await;
    let mut cut_off: BTreeMap<&str, u32> = BTreeMap::new();

    for round in 0..rounds {
        let client = host.client().await;
        // Each lane has its turn; others may join in.
        let mut busy: [bool; 6] = std::array::from_fn(|_| rng.random_range(0..3) == 0);
        busy[(round % 6) as usize] = true;
        let step = STEPS[rng.random_range(0..STEPS.len())];
        let step = (busy[0] && rng.random()).then_some(step);
        let longest = step.map_or(LONGEST, |_| Duration::from_millis(30));
        let pause = rng.random_range(Duration::ZERO..longest);
        let (steps, seen) = watch::channel(String::new());
        let (cuts, ()) = tokio::join!(
            world.work(&client, busy, rng.random(), &steps),
            kill_at(&host, step, pause, seen)
        );
        let at = steps.borrow().clone();
        println!("round {round}: {cuts:?}, push at {at:?}");
        for cut in cuts {
            *cut_off.entry(cut).or_default() += 1;
        }

        host.kill_and_restart();
        // Sometimes it is killed again while it comes back.
        if rng.random_range(0..4) == 0 {
            tokio::time::sleep(rng.random_range(Duration::ZERO..LONGEST / 2)).await;
            host.kill_and_restart();
        }
        host.wait_ready().await;
        let client = host.client().await;
        world.check(&client).await;
        if round % 20 == 19 {
            world.content.check_droplets(&client).await;
        }
    }
    println!(
        "killed {rounds} times in {:?}: {cut_off:#?}",
        began.elapsed()
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_first_start_that_is_killed_is_made_up_for() {
    let mut host = Host::spawn(HostOptions::default());
    for pause in [0, 10, 20, 40, 60, 80, 120, 160, 240] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        host.kill_and_restart();
    }
    host.wait_ready().await;
    let client = host.client().await;
    for role in ["router", "stager", "dea"] {
        assert_eq!(client.role(role).await.state, RoleState::Running, "{role}");
    }
    client.push_component("hello", &hello_version(0)).await;
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer.1, greeting(0));
}

#[tokio::test]
async fn compiled_code_that_was_damaged_is_made_anew() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &hello_version(0)).await;
    assert!(host.stop().await.success());

    let folder = host.data_dir().join("cache/code");
    let files: Vec<_> = fs::read_dir(&folder)
        .expect("there is a cache")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "code"))
        .collect();
    assert!(files.len() >= 4, "three plugins and an app: {files:?}");
    for (number, path) in files.iter().enumerate() {
        let mut code = fs::read(path).expect("it can be read");
        let middle = code.len() / 2;
        match number % 3 {
            0 => code[middle] ^= 0x40,
            1 => code.truncate(middle),
            _ => code.clear(),
        }
        fs::write(path, code).expect("it can be written");
    }

    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer.1, greeting(0));
    let told = host
        .log()
        .matches("compiled code was changed or cut")
        .count();
    assert!(told >= 2, "{}", host.log());
    client.push_component("hello", &hello_version(1)).await;
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer.1, greeting(1));
}
