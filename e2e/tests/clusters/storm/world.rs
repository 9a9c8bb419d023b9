//! A cluster with its database, and what is known of it.

use std::thread;

use muster_api::jobs::{Job, JobState};
use muster_e2e::{
    Client, HostOptions, Load, Network, eventually_within, hello_version, push_of, servers::Pair,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{agreement::PATIENCE, ledger::Ledger};
use crate::asking::{Asked, IN_VAIN, PATIENCE as PATIENCE_OF_CLIENTS, ask};

/// How many hosts share the state; they come first.
pub const CONTROL: usize = 3;
/// How many hosts there are.
pub const HOSTS: usize = 6;
/// What the app is called.
pub const APP: &str = "busy";

/// How many of the last lines of a host's log are shown after a failure.
const LINES: usize = 60;

/// A database with a standby.
pub struct Database {
    pair: Pair,
    promoted: bool,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Up,
    Paused,
    Down,
}

/// A cluster, of which parts may be down.
pub struct World {
    /// The network that its hosts are on.
    pub network: Network,
    pub database: Database,
    /// What was asked of it.
    pub ledger: Ledger,
    clients: Vec<Client>,
    up: [bool; HOSTS],
    paused: [bool; HOSTS],
}

impl Database {
    pub fn kill(&mut self) {
        self.restore();
        self.server().kill();
        self.state = State::Down;
    }

    pub fn pause(&mut self) {
        self.restore();
        self.server().pause();
        self.state = State::Paused;
    }

    /// Has it serve again, whatever it was.
    pub fn restore(&mut self) {
        match self.state {
            State::Up => {}
            State::Paused => self.server().resume(),
            State::Down => self.server().start_again(),
        }
        self.state = State::Up;
    }

    /// Has the standby take over, for good. The one that was, whether it is up,
    /// paused or down, is ended: whoever fails over sees to that.
    pub fn promote(&mut self) {
        if self.promoted {
            return;
        }
        self.pair.primary.kill();
        self.pair.promote();
        self.promoted = true;
        self.state = State::Up;
    }

    fn server(&mut self) -> &mut muster_e2e::servers::Postgres {
        match self.promoted {
            false => &mut self.pair.primary,
            true => &mut self.pair.standby,
        }
    }
}

impl World {
    /// Starts a cluster with an app on it. None where nobody may make networks.
    pub async fn start() -> Option<Self> {
        let pair = Pair::start();
        let url = pair.local_url(&pair.primary.database());
        let mut options = vec![HostOptions::default(); HOSTS];
        options[0].env = vec![("MUSTER_DATABASE_URL".to_owned(), url)];
        let network = Network::start_with(options).await?;
        let mut clients = Vec::new();
        for host in 0..HOSTS {
            clients.push(network.host(host).client().await);
        }
        for follower in &clients[1..] {
            follower.join(&clients[0].link_token().await.token).await;
        }
        let new = json!({
            "name": "storm",
            "control_plane": ["north", "south", "east"],
            "workers": ["west", "inner", "outer"],
        });
        let job: Job = clients[0].send(Method::POST, "/clusters", &new).await;
        let job = clients[0].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        let mut ledger = Ledger::default();
        let version = ledger.number();
        let wasm = clients[0].upload("app.wasm", &hello_version(version)).await;
        let mut push = push_of(vec![wasm]);
        push.instances = Some(4);
        let job = clients[0].push(APP, &push).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        ledger.pushes.push((version, Some(job.id)));
        ledger.instances.insert(4);
        Some(Self {
            network,
            database: Database {
                pair,
                promoted: false,
                state: State::Up,
            },
            ledger,
            clients,
            up: [true; HOSTS],
            paused: [false; HOSTS],
        })
    }

    /// A client of a control-plane host, whether that is up or not.
    pub fn client(&self, host: usize) -> &Client {
        &self.clients[host]
    }

    /// Asks a control-plane host for a change.
    pub async fn ask(&self, host: usize, request: RequestBuilder) -> Asked {
        let patience = match self.paused[host] {
            true => IN_VAIN,
            false => PATIENCE_OF_CLIENTS,
        };
        ask(request, patience).await
    }

    /// New access tokens, before the old ones expire.
    pub async fn log_in(&mut self) {
        for host in 0..CONTROL {
            let (network, url) = (&self.network, self.network.host(host).url());
            self.clients[host] = eventually_within(PATIENCE, "a control-plane host", async || {
                let asked = reqwest::get(format!("{url}/api/openapi.json")).await.ok()?;
                (asked.status() == StatusCode::OK).then_some(())?;
                Some(network.host(host).client().await)
            })
            .await;
        }
        let last = HOSTS - 1;
        eventually_within(PATIENCE, "the last host serves the app", async || {
            let host = format!("{APP}.localhost");
            let asked = self.clients[last].app(Method::GET, &host, "/").send().await;
            (asked.ok()?.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Asks the app all the time, on the last host.
    pub fn load(&self) -> Load {
        let apps = self.network.host(HOSTS - 1).apps();
        Load::start(apps, &format!("{APP}.localhost"), "/", 1)
    }

    /// Ends a host as a power failure does.
    pub fn kill(&mut self, host: usize) {
        self.network.host_mut(host).kill();
        (self.up[host], self.paused[host]) = (false, false);
    }

    /// Starts a host, if it is down. Whether it gets ready is seen later.
    pub async fn start_again(&mut self, host: usize) {
        if !self.up[host] {
            self.network.host_mut(host).start_again();
            self.up[host] = true;
        }
    }

    /// Stops a host in its tracks.
    pub fn pause(&mut self, host: usize) {
        if self.up[host] && !self.paused[host] {
            self.signal(host, Signal::STOP);
            self.paused[host] = true;
        }
    }

    /// Lets it go on.
    pub fn go_on(&mut self, host: usize) {
        if self.paused[host] {
            self.signal(host, Signal::CONT);
            self.paused[host] = false;
        }
    }

    fn signal(&self, host: usize, signal: Signal) {
        let pid = i32::try_from(self.network.host(host).pid());
        let pid = pid.ok().and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), signal).expect("the process is ours");
    }

    /// Makes everything whole.
    pub async fn calm(&mut self) {
        self.network.heal();
        self.database.restore();
        for host in 0..HOSTS {
            self.go_on(host);
            self.start_again(host).await;
            self.network.host_mut(host).wait_alive().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whoever is stopped in its tracks does not end.
        for host in 0..HOSTS {
            self.go_on(host);
        }
        self.database.restore();
        if !thread::panicking() {
            return;
        }
        for host in 0..HOSTS {
            let log = self.network.host(host).log();
            let told = |line: &&str| !line.contains("migrat");
            let lines: Vec<_> = log.lines().filter(told).collect();
            let last = lines.len().saturating_sub(LINES);
            eprintln!("host {host}:\n{}", lines[last..].join("\n"));
        }
    }
}
