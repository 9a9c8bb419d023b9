//! Several control-plane hosts under traffic: an app that is asked all the time, and
//! changes that are asked for at every host. However it goes, what was acknowledged
//! is there in the end, what was refused is not, and all agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muster_api::{
    audit::AuditVerification,
    hosts::{HostStanding, HostState, LinkedHost},
    jobs::{Job, JobState},
    page::Page,
    tokens::{TokenReply, TokenRequest},
};
use muster_e2e::{
    Answers, Client, Host, HostOptions, Load, PASSWORD, eventually_within, free_address,
    hello_version, push_of, servers::Postgres,
};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::asking::{Asked, PATIENCE as PATIENCE_OF_CLIENTS, ask};

/// What the app is called.
pub const APP: &str = "busy";
/// What hosts are called, by their place.
const NAMES: [&str; 3] = ["north", "south", "east"];
/// The pause between two changes at a host.
const PAUSE: Duration = Duration::from_millis(150);
/// Longer than it takes until another host leads and all agree, on a machine that has
/// other things to do as well.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Control-plane hosts that share a state in a database, with an app on them.
pub struct Several {
    pub hosts: Vec<Host>,
    pub clients: Vec<Client>,
}

/// Who leads, as the database has it.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The host's id.
    pub holder: String,
    /// How often it has gone to another one.
    pub fence: u64,
    /// When it ends that is not renewed, by the database's clock, in milliseconds.
    expires_at: i64,
}

impl PartialEq for Lease {
    /// Whether it is the same, whatever it was renewed since.
    fn eq(&self, other: &Self) -> bool {
        (&self.holder, self.fence) == (&other.holder, other.fence)
    }
}

impl Lease {
    /// The lease in that database. None if nobody has it now.
    pub fn of(postgres: &Postgres, database: &str) -> Option<Self> {
        let now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let question = format!(
            "SELECT holder, fence, expires_at FROM leases WHERE name = 'leader' AND expires_at > {now}"
        );
        let row = postgres.sql(database, &question);
        let mut columns = row.split('|');
        Some(Self {
            holder: columns.next().filter(|text| !text.is_empty())?.to_owned(),
            fence: columns.next()?.parse().expect("a number"),
            expires_at: columns.next()?.parse().expect("a number"),
        })
    }

    /// Waits until it would have ended unless it had been renewed. Who has it then?
    pub async fn outlasted(&self, postgres: &Postgres, database: &str) -> Option<Self> {
        eventually_within(PATIENCE, "a lease lasts", async || {
            let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
            let now: i64 = postgres.sql(database, now).parse().ok()?;
            (now > self.expires_at).then_some(())
        })
        .await;
        Self::of(postgres, database)
    }
}

impl Several {
    /// Starts a host with each of these options, and makes a cluster of them whose
    /// state is in that database; with an app that has an instance for each host.
    pub async fn start(url: &str, options: Vec<HostOptions>) -> Self {
        let (mut hosts, mut clients): (Vec<Host>, Vec<Client>) = (Vec::new(), Vec::new());
        for (name, mut options) in NAMES.into_iter().zip(options) {
            let mut set = |name: &str, value: String| options.env.push((name.to_owned(), value));
            set("MUSTER_NAME", name.to_owned());
            set("MUSTER_PEERS", free_address().to_string());
            if hosts.is_empty() {
                set("MUSTER_DATABASE_URL", url.to_owned());
            }
            let host = Host::start_with(options).await;
            let client = host.client().await;
            if let Some(leader) = clients.first() {
                client.join(&leader.link_token().await.token).await;
            }
            hosts.push(host);
            clients.push(client);
        }
        let new = json!({ "name": "several", "control_plane": &NAMES[..hosts.len()] });
        let job: Job = clients[0].send(Method::POST, "/clusters", &new).await;
        let job = clients[0].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        let mut this = Self { hosts, clients };
        this.log_in().await;
        this.push(0, 1).await;
        this.serve().await;
        this
    }

    /// What a host is called.
    pub fn name(place: usize) -> &'static str {
        NAMES[place]
    }

    /// Clients of all hosts with new tokens. The hosts have to be there.
    pub async fn log_in(&mut self) {
        for client in &mut self.clients {
            let known = client.clone();
            *client = eventually_within(PATIENCE, "somebody can log in", async || {
                sign_in(&known).await
            })
            .await;
        }
    }

    /// Pushes a version of the app at a host.
    pub async fn push(&self, place: usize, version: u32) {
        let client = &self.clients[place];
        let wasm = client.upload("app.wasm", &hello_version(version)).await;
        let mut push = push_of(vec![wasm]);
        push.instances = u32::try_from(self.hosts.len()).ok();
        let job = client.push(APP, &push).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    }

    /// Waits until each router leads to the app.
    async fn serve(&self) {
        for client in &self.clients {
            eventually_within(PATIENCE, "each router leads to the app", async || {
                let asked = client.app(Method::GET, &format!("{APP}.localhost"), "/");
                (asked.send().await.ok()?.status() == StatusCode::OK).then_some(())
            })
            .await;
        }
    }

    /// The place of the host that leads, as one of them says.
    pub async fn leader(&self, asked: usize) -> usize {
        eventually_within(PATIENCE, "a host leads", async || {
            let page: Page<LinkedHost> =
                get(&self.clients[asked], "/hosts?limit=500").await.ok()?;
            let mut hosts = page.items.into_iter();
            let leader = hosts.find(|host| host.standing == HostStanding::Leader)?;
            NAMES.iter().position(|name| *name == leader.name)
        })
        .await
    }

    /// Waits until all hosts agree, with all that the ledger says.
    ///
    /// # Panics
    /// If they do not, or something acknowledged is lost, or something refused there.
    pub async fn agree(&self, ledger: &Ledger) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Err(complaint) = self.look(ledger).await {
            assert!(tokio::time::Instant::now() < deadline, "{complaint}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        println!("{ledger}; 0 lost");
    }

    async fn look(&self, ledger: &Ledger) -> Result<(), String> {
        let mut leaders = BTreeSet::new();
        for client in &self.clients {
            let hosts: Page<LinkedHost> = get(client, "/hosts?limit=500").await?;
            let is_there =
                |host: &&LinkedHost| matches!(host.state, HostState::Ready | HostState::InUse);
            if let Some(away) = hosts.items.iter().find(|host| !is_there(host)) {
                return Err(format!("{} is {:?}", away.name, away.state));
            }
            let (leads, stand_by): (Vec<_>, Vec<_>) = hosts
                .items
                .iter()
                .partition(|host| host.standing == HostStanding::Leader);
            let control = |host: &&LinkedHost| host.standing == HostStanding::ControlPlane;
            if leads.len() != 1
                || stand_by.iter().filter(|it| control(it)).count() != self.hosts.len() - 1
            {
                return Err(format!("who leads and who stands by: {:#?}", hosts.items));
            }
            leaders.extend(leads.iter().map(|host| host.id));
            ledger.check(&projects(client).await?);
            let asked = client.app(Method::GET, &format!("{APP}.localhost"), "/");
            let asked = asked.send().await.map_err(|error| error.to_string())?;
            if asked.status() != StatusCode::OK {
                return Err(format!("a router answers {}", asked.status()));
            }
        }
        if leaders.len() != 1 {
            return Err(format!("several lead: {leaders:?}"));
        }
        let verified: AuditVerification = get(&self.clients[0], "/audit/verification").await?;
        match verified.whole {
            true => Ok(()),
            false => Err(format!("the audit log is not whole: {verified:?}")),
        }
    }
}

impl Drop for Several {
    fn drop(&mut self) {
        /// How many of the last lines of a host's log are shown after a failure.
        const LINES: usize = 40;
        if !std::thread::panicking() {
            return;
        }
        for (name, host) in NAMES.iter().zip(&self.hosts) {
            let log = host.log();
            let told = |line: &&str| !line.contains("migrat");
            let lines: Vec<_> = log.lines().filter(told).collect();
            let last = lines.len().saturating_sub(LINES);
            eprintln!("{name}:\n{}", lines[last..].join("\n"));
        }
    }
}

/// What was asked for, and what came of it.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    asked: usize,
    made: BTreeSet<String>,
    /// With the code of the refusal.
    refused: BTreeMap<String, String>,
    unknown: BTreeMap<String, String>,
}

impl Ledger {
    /// How many changes a host has acknowledged.
    fn made_at(&self, place: usize) -> usize {
        let by = prefix(place);
        self.made
            .iter()
            .filter(|name| name.starts_with(&by))
            .count()
    }

    /// How many changes a host has refused with that code.
    pub fn refused_at(&self, place: usize, code: &str) -> usize {
        let by = prefix(place);
        let here = self
            .refused
            .iter()
            .filter(|(name, _)| name.starts_with(&by));
        here.filter(|(_, known)| *known == code).count()
    }

    /// How many changes were refused.
    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    /// Whatever was acknowledged is there, and whatever was refused is not.
    fn check(&self, there: &BTreeSet<String>) {
        let lost: Vec<_> = self.made.difference(there).collect();
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
        let ghosts: Vec<_> = self
            .refused
            .keys()
            .filter(|name| there.contains(*name))
            .collect();
        assert!(ghosts.is_empty(), "refused, and there: {ghosts:?}");
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut codes = BTreeMap::<String, usize>::new();
        for (name, code) in self.refused.iter().chain(&self.unknown) {
            let by = name.trim_end_matches(|it: char| it.is_ascii_digit());
            *codes.entry(format!("{by}: {code}")).or_default() += 1;
        }
        write!(
            f,
            "{} changes acknowledged, {} refused, {} of which nobody can tell ({codes:?})",
            self.made.len(),
            self.refused.len(),
            self.unknown.len()
        )
    }
}

fn prefix(place: usize) -> String {
    format!("change-{place}-")
}

/// Requests to the app and for changes, at every host.
pub struct Traffic {
    running: Arc<AtomicBool>,
    ledger: Arc<Mutex<Ledger>>,
    changes: Vec<JoinHandle<()>>,
    loads: Vec<Load>,
}

impl Traffic {
    /// Begins, with requests to the app by these routers.
    pub fn start(several: &Several, routers: &[usize]) -> Self {
        Self::again(several, routers, Ledger::default())
    }

    /// Begins again, with what was asked for before.
    pub fn again(several: &Several, routers: &[usize], ledger: Ledger) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let ledger = Arc::new(Mutex::new(ledger));
        let changes = several.clients.iter().enumerate().map(|(place, client)| {
            tokio::spawn(change(
                place,
                client.clone(),
                Arc::clone(&running),
                Arc::clone(&ledger),
            ))
        });
        let loads = routers.iter().map(|place| {
            let apps = several.hosts[*place].apps();
            Load::start(apps, &format!("{APP}.localhost"), "/", 1)
        });
        Self {
            changes: changes.collect(),
            loads: loads.collect(),
            running,
            ledger,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a host has acknowledged so many more changes.
    pub async fn acknowledged(&self, place: usize, more: usize) {
        let enough = self.ledger().made_at(place) + more;
        eventually_within(PATIENCE, "a host acknowledges changes", async || {
            (self.ledger().made_at(place) >= enough).then_some(())
        })
        .await;
    }

    /// The same of each of these hosts.
    pub async fn acknowledged_by(&self, places: &[usize], more: usize) {
        futures::future::join_all(places.iter().map(|place| self.acknowledged(*place, more))).await;
    }

    /// Waits until a host has refused so many more changes for that reason.
    pub async fn refused(&self, place: usize, code: &str, more: usize) {
        let enough = self.ledger().refused_at(place, code) + more;
        let what = format!("a host refuses changes with {code}");
        eventually_within(PATIENCE, &what, async || {
            (self.ledger().refused_at(place, code) >= enough).then_some(())
        })
        .await;
    }

    /// Waits for so many more answers of the app by each router.
    pub async fn served(&self, more: u64) {
        for load in &self.loads {
            load.more(more).await;
        }
    }

    /// Ends, and says what was asked for and what the app has answered.
    pub async fn end(self) -> (Ledger, Answers) {
        self.running.store(false, Ordering::Relaxed);
        for task in self.changes {
            task.await.expect("no answer is senseless");
        }
        let mut all = Answers::default();
        for load in self.loads {
            let answers = load.end().await;
            for (body, count) in answers.good {
                *all.good.entry(body).or_default() += count;
            }
            all.failed.extend(answers.failed);
        }
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        println!(
            "{} requests answered, {} failed",
            all.good.values().sum::<u64>(),
            all.failed.len()
        );
        (ledger.clone(), all)
    }
}

/// Asks a host for one change after the other.
async fn change(
    place: usize,
    mut client: Client,
    running: Arc<AtomicBool>,
    ledger: Arc<Mutex<Ledger>>,
) {
    let known = || ledger.lock().unwrap_or_else(PoisonError::into_inner);
    while running.load(Ordering::Relaxed) {
        let number = {
            let mut ledger = known();
            ledger.asked += 1;
            ledger.asked
        };
        let name = format!("{}{number}", prefix(place));
        let request = client.request(Method::POST, "/projects");
        let asked = ask(request.json(&json!({ "name": name })), PATIENCE_OF_CLIENTS).await;
        let mut unauthorized = false;
        {
            let mut ledger = known();
            match asked {
                Asked::Accepted(_) => {
                    ledger.made.insert(name);
                }
                Asked::Refused(why) => {
                    unauthorized = why == "unauthorized";
                    ledger.refused.insert(name, why);
                }
                Asked::Unknown(why) => {
                    ledger.unknown.insert(name, why);
                }
            }
        }
        if unauthorized {
            client = sign_in(&client).await.unwrap_or(client);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same client with a new token, if it gets one.
pub async fn sign_in(client: &Client) -> Option<Client> {
    let form = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..TokenRequest::default()
    };
    let sent = client.anonymous(Method::POST, "/oauth/token").form(&form);
    let answer = sent.send().await.ok()?;
    if answer.status() != StatusCode::OK {
        return None;
    }
    let tokens: TokenReply = answer.json().await.ok()?;
    Some(client.with_token(tokens.access_token))
}

/// The projects by their names.
async fn projects(client: &Client) -> Result<BTreeSet<String>, String> {
    let (mut there, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page: Page<Value> = get(client, &format!("/projects?limit=500{cursor}")).await?;
        let names = page.items.iter().filter_map(|it| it["name"].as_str());
        there.extend(names.map(str::to_owned));
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(there),
        }
    }
}

/// What a host answers, if it does.
pub async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, String> {
    let asked = client.request(Method::GET, path).send().await;
    let asked = asked.map_err(|error| format!("{path}: {error}"))?;
    let (status, text) = (asked.status(), asked.text().await);
    let text = text.map_err(|error| format!("{path}: {error}"))?;
    if status != StatusCode::OK {
        return Err(format!("{path}: {status} {text}"));
    }
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
}
