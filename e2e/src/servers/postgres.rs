//! Databases: PostgreSQL servers, alone or as primary and standby.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use super::{Certificate, installed};
use crate::host::free_address;

/// Who owns all databases.
const USER: &str = "muster";
/// Needs to be written otherwise in a URL.
const PASSWORD: &str = "p@ss/word";
/// The same in a URL.
const PASSWORD_IN_URL: &str = "p%40ss%2Fword";

/// Whom servers run as when the tests are root's, which PostgreSQL refuses.
const SYSTEM_USER: &str = "postgres";

/// How long a server may take to listen; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable that names a server which is there for all tests of a run.
const SHARED: &str = "MUSTER_TEST_POSTGRES";

/// A PostgreSQL server. Killed when dropped, with all its data; and when the
/// test ends, however it does.
pub struct Postgres {
    running: Option<Running>,
    address: SocketAddr,
    folder: TempDir,
    databases: AtomicU32,
    /// What a killed process has written, the system keeps: without it only a
    /// loss of power would show, and no test has one.
    fsync: &'static str,
    /// Whether it has a certificate.
    tls: bool,
}

struct Running {
    child: Child,
    /// Its end ends the thread that the server is a child of.
    _alive: mpsc::Sender<()>,
}

/// A database of its own on some server. Dropped with the value.
pub struct Database {
    name: String,
    server: Server,
}

enum Server {
    Own(Arc<Postgres>),
    /// By its URL up to the name of the database.
    Shared(String),
}

impl Postgres {
    /// Starts a server with nothing in it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::fill(Self::empty(TempDir::new(), "off"))
    }

    /// The same with what it has acknowledged safe from a loss of power, as people
    /// run it: to measure how fast it is.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn durable() -> Self {
        Self::fill(Self::empty(TempDir::new(), "on"))
    }

    /// One for tests with all its files in a folder of that one.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_in(folder: &Path) -> Self {
        Self::fill(Self::empty(TempDir::new_in(folder), "off"))
    }

    /// One for tests that clients may come to with TLS.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn with_tls(certificate: &Certificate) -> Self {
        let mut server = Self::empty(TempDir::new(), "off");
        for (from, to) in [
            (&certificate.certificate, "server.pem"),
            (&certificate.key, "server.key"),
        ] {
            let to = server.folder.path().join(to);
            fs::copy(from, &to).expect("a file");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("it is ours");
            give(&to);
        }
        server.tls = true;
        Self::fill(server)
    }

    fn fill(server: Self) -> Self {
        let password = server.folder.path().join("password");
        fs::write(&password, PASSWORD).expect("a file");
        give(&password);
        let mut make = program("initdb");
        make.arg("--pgdata").arg(server.data());
        make.args(["--username", USER, "--pwfile"]).arg(&password);
        // Unlike SQLite it then compares text as people would, unless told.
        make.args(["--locale=C.UTF-8", "--encoding=UTF8"]);
        make.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        make.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
        make.arg("--no-sync");
        expect(make);
        let mut server = server;
        server.start_again();
        server
    }

    fn empty(folder: io::Result<TempDir>, fsync: &'static str) -> Self {
        let folder = folder.expect("a temporary directory");
        give(folder.path());
        Self {
            running: None,
            address: free_address(),
            folder,
            databases: AtomicU32::new(0),
            fsync,
            tls: false,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts a server that was killed or stopped, with what it had.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&mut self) {
        let log = self.folder.path().join("log");
        let log = File::options().create(true).append(true).open(log);
        let log = log.expect("a file");
        let mut command = program("postgres");
        command.arg("-D").arg(self.data());
        command.arg(format!("-cport={}", self.address.port()));
        let sockets = self.folder.path().display();
        command.arg(format!("-cunix_socket_directories={sockets}"));
        for setting in [
            "listen_addresses=127.0.0.1",
            "max_connections=300",
            "shared_buffers=64MB",
            "wal_level=replica",
            "hot_standby=on",
            "wal_keep_size=64MB",
            "wal_receiver_timeout=5s",
            "wal_sender_timeout=5s",
            // In its folder, so that one that is killed leaves nothing elsewhere.
            "dynamic_shared_memory_type=mmap",
        ] {
            command.arg(format!("-c{setting}"));
        }
        command.arg(format!("-cfsync={}", self.fsync));
        if self.tls {
            let folder = self.folder.path().display();
            command.arg("-cssl=on");
            command.arg(format!("-cssl_cert_file={folder}/server.pem"));
            command.arg(format!("-cssl_key_file={folder}/server.key"));
        }
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(log);
        self.running = Some(run(command));
        self.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.psql("postgres", "SELECT 1").status.success() {
                return;
            }
            let running = self.running.as_mut().expect("it was started");
            let ended = running.child.try_wait().expect("the child can be asked");
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log"));
                panic!(
                    "PostgreSQL did not start ({ended:?}):\n{}",
                    log.unwrap_or_default()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A database by its name, over TCP.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD_IN_URL}@{}/{database}",
            self.address
        )
    }

    /// A database by its name, over a socket that is reached from every network
    /// namespace.
    #[must_use]
    pub fn local_url(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let folder = folder.replace('/', "%2F");
        format!(
            "postgres://{USER}@{folder}:{}/{database}",
            self.address.port()
        )
    }

    /// Makes a database and says how it is called.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("state{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs a statement as the one who owns all, and returns what it answers: a
    /// line for each row.
    ///
    /// # Panics
    /// If it fails.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        answered(&self.psql(database, statement))
    }

    fn psql(&self, database: &str, statement: &str) -> Output {
        psql(&self.local_url(database), statement)
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn has_ended(&mut self) -> bool {
        let ended = |running: &mut Running| {
            let asked = running.child.try_wait();
            asked.expect("the child can be asked").is_some()
        };
        self.running.as_mut().is_none_or(ended)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let processes = family(running.child.id());
            // None of them may notice that another one is gone.
            send(&processes, Signal::STOP);
            send(&processes, Signal::KILL);
            let _ = running.child.wait();
        }
    }

    /// Ends it as an operator would.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            send(&[running.child.id()], Signal::INT);
            let _ = running.child.wait();
        }
    }

    /// Stops it in its tracks, with all connections open.
    pub fn pause(&self) {
        send(&self.processes(), Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        send(&self.processes(), Signal::CONT);
    }

    fn processes(&self) -> Vec<u32> {
        let running = self.running.as_ref();
        running.map_or_else(Vec::new, |running| family(running.child.id()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A primary and its standby. What the primary acknowledges, the standby has.
pub struct Pair {
    /// The server that takes changes, until the other one is promoted.
    pub primary: Postgres,
    /// The server that follows it.
    pub standby: Postgres,
}

impl Pair {
    /// Starts both.
    ///
    /// # Panics
    /// If one of them does not start.
    #[must_use]
    pub fn start() -> Self {
        let primary = Postgres::start();
        let mut standby = Postgres::empty(TempDir::new(), "off");
        let mut copy = program("pg_basebackup");
        copy.arg("--pgdata").arg(standby.data());
        copy.arg("--host").arg(primary.folder.path());
        copy.args(["--port", &primary.address.port().to_string()]);
        copy.args(["--username", USER, "--write-recovery-conf", "--no-sync"]);
        copy.args(["--checkpoint=fast", "--wal-method=stream"]);
        expect(copy);
        standby.start_again();
        primary.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        primary.sql("postgres", "SELECT pg_reload_conf()");
        let pair = Self { primary, standby };
        let deadline = Instant::now() + PATIENCE;
        while pair.primary.sql(
            "postgres",
            "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'",
        ) != "1"
        {
            assert!(Instant::now() < deadline, "the standby does not follow");
            thread::sleep(Duration::from_millis(20));
        }
        pair
    }

    /// A database by its name, wherever the primary is.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD_IN_URL}@{},{}/{database}",
            self.primary.address, self.standby.address
        )
    }

    /// The same over sockets that are reached from every network namespace.
    #[must_use]
    pub fn local_url(&self, database: &str) -> String {
        let place = |server: &Postgres| {
            let folder = server.folder.path().display().to_string();
            format!("{}:{}", folder.replace('/', "%2F"), server.address.port())
        };
        let (one, other) = (place(&self.primary), place(&self.standby));
        format!("postgres://{USER}@{one},{other}/{database}")
    }

    /// Makes the standby a primary. The other one is not told.
    pub fn promote(&self) {
        let told = self.standby.sql("postgres", "SELECT pg_promote()");
        assert_eq!(told, "t", "it was promoted");
    }
}

impl Database {
    /// Makes a database: on the server that is there for this run, else on one of
    /// this process.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn create() -> Self {
        static OWN: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        if let Ok(url) = std::env::var(SHARED) {
            let unique = TempDir::with_prefix("state").expect("a temporary directory");
            let unique = unique.path().file_name().map(|name| name.to_string_lossy());
            let name = format!(
                "{}_{}",
                unique.expect("it has a name").to_lowercase(),
                std::process::id()
            );
            let name = name.replace('.', "_");
            let (base, _) = url.rsplit_once('/').expect("a URL with a database");
            answered(&psql(&url, &format!("CREATE DATABASE {name}")));
            return Self {
                name,
                server: Server::Shared(base.to_owned()),
            };
        }
        let mut own = OWN
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let server = own.upgrade().unwrap_or_else(|| Arc::new(Postgres::start()));
        *own = Arc::downgrade(&server);
        Self {
            name: server.database(),
            server: Server::Own(server),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.server {
            Server::Own(server) => server.local_url(&self.name),
            Server::Shared(base) => format!("{base}/{}", self.name),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Server::Shared(base) = &self.server {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            let _ = psql(&format!("{base}/postgres"), &drop);
        }
    }
}

/// Whether the tests are to keep state on PostgreSQL.
#[must_use]
pub fn on_postgres() -> bool {
    std::env::var("MUSTER_TEST_DATABASE").is_ok_and(|name| name == "postgres")
}

fn bin() -> PathBuf {
    installed("postgresql")
}

/// A program of PostgreSQL, as somebody whom it serves, which ends with the
/// thread that starts it.
fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    if getuid().is_root() {
        command.arg(format!("--reuid={SYSTEM_USER}"));
        command.arg(format!("--regid={SYSTEM_USER}"));
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig", "INT", "--"]);
    command.arg(bin().join(name));
    command.current_dir("/").env_remove("PGDATA");
    command
}

fn psql(url: &str, statement: &str) -> Output {
    Command::new(bin().join("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--dbname", url, "--command", statement])
        .stdin(Stdio::null())
        .output()
        .expect("psql runs")
}

fn answered(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn expect(mut command: Command) {
    answered(&command.output().expect("a program of PostgreSQL runs"));
}

/// Starts a server as the child of a thread that lives as long as it does: it
/// would end with a thread of a test.
fn run(mut command: Command) -> Running {
    let (tell, told) = mpsc::channel();
    let (alive, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _ = tell.send(command.spawn());
        let _ = ended.recv();
    });
    let child = told.recv().expect("the thread tells");
    Running {
        child: child.expect("postgres runs"),
        _alive: alive,
    }
}

/// Has a file belong to the user whom servers run as.
fn give(path: &Path) {
    if !getuid().is_root() {
        return;
    }
    let id = |kind: &str| {
        let asked = Command::new("id").args([kind, SYSTEM_USER]).output();
        let text = answered(&asked.expect("id runs"));
        text.parse().expect("a number")
    };
    chown(path, Some(id("-u")), Some(id("-g"))).expect("root may do that");
}

/// A process and its children.
fn family(parent: u32) -> Vec<u32> {
    let mut processes = vec![parent];
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name, which may hold anything: state, parent.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let above = after
            .split(' ')
            .nth(1)
            .and_then(|id| id.parse::<u32>().ok());
        if above == Some(parent) {
            processes.push(process);
        }
    }
    processes
}

fn send(processes: &[u32], signal: Signal) {
    for process in processes {
        let process = i32::try_from(*process).ok().and_then(Pid::from_raw);
        // It may have ended meanwhile.
        let _ = kill_process(process.expect("a process"), signal);
    }
}
