//! One host: the real binary in a process of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    client::Client,
    guests::workspace,
    servers::{Database, on_postgres},
};

/// The admin's password on hosts of tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// Where a host is told of its database.
const DATABASE_URL: &str = "MUSTER_DATABASE_URL";

/// How long a host may take to be ready; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command under test: `MUSTER_BIN`, else the debug build.
#[must_use]
pub fn muster_binary() -> PathBuf {
    std::env::var_os("MUSTER_BIN")
        .map_or_else(|| workspace().join("target/debug/muster"), PathBuf::from)
}

/// How to start a host.
#[derive(Debug, Default, Clone)]
pub struct HostOptions {
    /// The data directory; a temporary one unless told.
    pub data_dir: Option<PathBuf>,
    /// Environment variables for the process.
    pub env: Vec<(String, String)>,
    /// The program; the binary under test unless told.
    pub binary: Option<PathBuf>,
    /// Where it runs; beside the test, on loopback, unless told.
    pub place: Option<Place>,
}

/// A network namespace for a host, in which it has every port for itself.
#[derive(Debug, Clone)]
pub struct Place {
    /// The namespace's name.
    pub namespace: String,
    /// Where the host is reached.
    pub address: Ipv4Addr,
}

impl Place {
    fn management(&self) -> SocketAddr {
        (self.address, 7480).into()
    }

    fn apps(&self) -> SocketAddr {
        (self.address, 8080).into()
    }
}

/// A running host. Killed when dropped.
pub struct Host {
    child: Child,
    data_dir: PathBuf,
    management: SocketAddr,
    apps: SocketAddr,
    options: HostOptions,
    _temporary: Option<TempDir>,
    /// What it shares with later hosts on the same data directory.
    _database: Option<Arc<Database>>,
}

impl Host {
    /// Starts a host on free ports, with a fresh data directory, and waits
    /// until it is ready.
    pub async fn start() -> Self {
        Self::start_with(HostOptions::default()).await
    }

    /// Starts a host and waits until it is ready.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start_with(options: HostOptions) -> Self {
        let mut host = Self::spawn(options);
        host.wait_ready().await;
        host
    }

    /// Starts a host without waiting.
    ///
    /// # Panics
    /// If the binary cannot be run.
    #[must_use]
    pub fn spawn(mut options: HostOptions) -> Self {
        let temporary = options
            .data_dir
            .is_none()
            .then(|| TempDir::new().expect("a temporary directory"));
        let data_dir = options
            .data_dir
            .clone()
            .or_else(|| temporary.as_ref().map(|dir| dir.path().join("data")))
            .expect("one of both is there");
        seed_code_cache(&data_dir);
        let database = database_of(&data_dir, &options);
        if let Some(database) = &database {
            let url = database.url();
            options.env.push((DATABASE_URL.to_owned(), url));
        }
        let (management, apps) = match &options.place {
            Some(place) => (place.management(), place.apps()),
            None => (free_address(), free_address()),
        };
        let child = run(&data_dir, management, apps, &options);
        Self {
            child,
            data_dir,
            management,
            apps,
            options,
            _temporary: temporary,
            _database: database,
        }
    }

    /// Waits until the host is ready: every role does its job and every app
    /// serves.
    ///
    /// # Panics
    /// If it ends before, or takes too long.
    pub async fn wait_ready(&mut self) {
        self.wait_for("/readyz").await;
        keep_code_cache(&self.data_dir);
    }

    /// Waits until the host answers, ready or not.
    ///
    /// # Panics
    /// If it ends before, or takes too long.
    pub async fn wait_alive(&mut self) {
        self.wait_for("/healthz").await;
    }

    async fn wait_for(&mut self, probe: &str) {
        let url = format!("http://{}{probe}", self.management);
        let deadline = Instant::now() + PATIENCE;
        let http = reqwest_client();
        loop {
            if http
                .get(&url)
                .send()
                .await
                .is_ok_and(|response| response.status().is_success())
            {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("the host ended with {status}:\n{}", self.log());
            }
            assert!(
                Instant::now() < deadline,
                "the host did not get ready:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the host as a power cut would, and starts it again on the same
    /// data and addresses. Does not wait until it is ready.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts a host that was killed or stopped, on the same data and addresses.
    /// Does not wait until it is ready.
    pub fn start_again(&mut self) {
        self.child = run(&self.data_dir, self.management, self.apps, &self.options);
    }

    /// Ends the host as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the host to stop and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::TERM).expect("the process is ours");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the host did not stop:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the host did not end:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the host has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = String::new();
        let _ = File::open(log_path(&self.data_dir))
            .and_then(|mut file| file.read_to_string(&mut text));
        text
    }

    /// The folder that holds everything the host keeps.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where the API listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.management)
    }

    /// Where apps are reached.
    #[must_use]
    pub fn apps(&self) -> SocketAddr {
        self.apps
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sets a variable of the environment from the next start on.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.options.env.retain(|(known, _)| known != name);
        self.options.env.push((name.to_owned(), value.into()));
    }

    /// From now on the host is reached there.
    pub(crate) fn moved_to(&mut self, address: Ipv4Addr) {
        let place = self.options.place.as_mut();
        let place = place.expect("a host on a network of its own");
        place.address = address;
        (self.management, self.apps) = (place.management(), place.apps());
    }

    /// A client that is logged in as the admin.
    pub async fn client(&self) -> Client {
        Client::login(&self.url(), self.apps).await
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The database of the host with that data directory, if the tests are to keep
/// state on PostgreSQL and this one does not say where it does.
fn database_of(data_dir: &Path, options: &HostOptions) -> Option<Arc<Database>> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Arc<Database>>> = Mutex::new(BTreeMap::new());
    if !on_postgres() || options.env.iter().any(|(name, _)| name == DATABASE_URL) {
        return None;
    }
    if options.data_dir.is_none() {
        return Some(Arc::new(Database::create()));
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let database = known.entry(data_dir.to_owned());
    let database = database.or_insert_with(|| Arc::new(Database::create()));
    Some(Arc::clone(database))
}

fn run(data_dir: &Path, management: SocketAddr, apps: SocketAddr, options: &HostOptions) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_path(data_dir))
        .expect("the log can be written");
    // With a place of its own it listens on every address that it has or gets.
    let binary = options.binary.clone().unwrap_or_else(muster_binary);
    let (mut command, [management, apps]) = match &options.place {
        Some(place) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &place.namespace]);
            command.arg(binary);
            let everywhere = |address: SocketAddr| (Ipv4Addr::UNSPECIFIED, address.port()).into();
            (command, [management, apps].map(everywhere))
        }
        None => (Command::new(binary), [management, apps]),
    };
    command
        .args(["serve", "--data-dir"])
        .arg(data_dir)
        .args([
            "--management",
            &management.to_string(),
            "--apps",
            &apps.to_string(),
        ])
        .env("MUSTER_INITIAL_PASSWORD", PASSWORD)
        .envs(options.env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log)
        .spawn()
        .expect("the muster binary was built by `cargo build -p muster-cli`")
}

/// Beside the data directory, so that it is there before the directory is.
fn log_path(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".log");
    PathBuf::from(name)
}

/// A loopback address whose port nobody uses at the moment, and that no test which
/// runs beside this one is given before it is bound. It lies below the ports that
/// the system gives to outgoing connections: one of these could take it before the
/// host does.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    const FIRST: u64 = 10_000;
    const PORTS: u64 = 22_000;
    /// How many tests have ports of their own at the same time.
    const SHARES: u64 = 16;
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    // nextest numbers the tests that run at the same time.
    let slot = env::var("NEXTEST_TEST_GLOBAL_SLOT").ok();
    let slot = slot.and_then(|slot| slot.parse::<u64>().ok());
    let share = slot.unwrap_or_else(|| process::id().into()) % SHARES;
    for _ in 0..1000 {
        let random = RandomState::new().build_hasher().finish() % (PORTS / SHARES);
        let port = FIRST + share * (PORTS / SHARES) + random;
        let port = u16::try_from(port).expect("it is small");
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.contains(&port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            given.insert(port);
            return listener.local_addr().expect("it is bound");
        }
    }
    panic!("no port is free");
}

pub(crate) fn reqwest_client() -> reqwest::Client {
    client_builder()
        .build()
        .expect("a client without surprises")
}

/// A client that does what it is told and nothing more.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
}

/// The compiled code of an earlier host of this binary, key and all: every test
/// compiling the bundled plugins anew would take most of the tests' time.
fn seed() -> PathBuf {
    let built = fs::metadata(muster_binary())
        .and_then(|file| file.modified())
        .ok();
    let built = built
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
        .unwrap_or_default();
    workspace().join(format!("target/e2e/code-{}", built.as_nanos()))
}

/// Gives a fresh host that code.
fn seed_code_cache(data_dir: &Path) {
    let (from, to) = (seed(), data_dir.join("cache/code"));
    if from.exists() && !to.exists() {
        copy_files(&from, &to);
    }
}

/// Keeps a host's compiled code for the hosts of later tests.
fn keep_code_cache(data_dir: &Path) {
    let seed = seed();
    if seed.exists() {
        return;
    }
    // Several tests may get here at once: the first to rename wins.
    let mine = seed.with_extension(format!(
        "{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    copy_files(&data_dir.join("cache/code"), &mine);
    if fs::rename(&mine, &seed).is_err() {
        let _ = fs::remove_dir_all(&mine);
    }
}

fn copy_files(from: &Path, to: &Path) {
    let _ = fs::create_dir_all(to);
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let _ = fs::copy(entry.path(), to.join(entry.file_name()));
    }
}
