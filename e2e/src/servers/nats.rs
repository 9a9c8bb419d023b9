//! Servers of NATS with JetStream: one, or a cluster that goes on as long as most of
//! it does.

use std::{
    fmt::Write,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Certificate, installed};
use crate::host::{free_address, reqwest_client};

/// How long servers may take to agree; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// How servers of NATS are.
#[derive(Debug, Clone, Copy)]
pub struct NatsOptions<'a> {
    /// How many there are.
    pub servers: usize,
    /// The user name and password that they let in; everybody unless told.
    pub login: Option<(&'a str, &'a str)>,
    /// The token that they let in.
    pub token: Option<&'a str>,
    /// By what certificate they are known, to clients that come with TLS; without one
    /// they have no TLS.
    pub tls: Option<&'a Certificate>,
}

impl Default for NatsOptions<'_> {
    fn default() -> Self {
        Self {
            servers: 1,
            login: None,
            token: None,
            tls: None,
        }
    }
}

/// Servers of NATS. Killed when dropped.
pub struct Nats {
    servers: Vec<Server>,
    tls: bool,
    folder: TempDir,
}

struct Server {
    address: SocketAddr,
    /// Where it tells how it is.
    monitor: SocketAddr,
    config: PathBuf,
    child: Option<Child>,
}

impl Nats {
    /// Starts servers, and waits until they take work in.
    ///
    /// # Panics
    /// If they do not.
    #[must_use]
    pub fn start(options: NatsOptions<'_>) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let routes: Vec<_> = (0..options.servers).map(|_| free_address()).collect();
        let mut servers = Vec::new();
        for (place, route) in routes.iter().enumerate() {
            let (address, monitor) = (free_address(), free_address());
            let config = folder.path().join(format!("n{place}.conf"));
            let kept = folder.path().join(format!("n{place}"));
            let mut text = config_of(place, address, options);
            let _ = writeln!(text, "http: \"{monitor}\"");
            let _ = writeln!(text, "jetstream {{ store_dir: \"{}\" }}", kept.display());
            if options.servers > 1 {
                text += &cluster_of(*route, &routes);
            }
            fs::write(&config, text).expect("a file");
            servers.push(Server {
                address,
                monitor,
                config,
                child: None,
            });
        }
        let tls = options.tls.is_some();
        let mut nats = Self {
            servers,
            tls,
            folder,
        };
        for place in 0..options.servers {
            nats.begin(place);
        }
        nats.wait_ready();
        nats
    }

    /// The URL of a bus on all servers; `who` stands before the `@`, unless empty.
    #[must_use]
    pub fn url(&self, who: &str) -> String {
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|it| it.address.to_string())
            .collect();
        let at = if who.is_empty() { "" } else { "@" };
        let scheme = if self.tls { "tls" } else { "nats" };
        format!("{scheme}://{who}{at}{}", servers.join(","))
    }

    /// How many servers there are.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Where a server listens.
    #[must_use]
    pub fn address(&self, place: usize) -> SocketAddr {
        self.servers[place].address
    }

    /// Ends a server as a power cut would.
    ///
    /// # Panics
    /// If there is no such server.
    pub fn kill(&mut self, place: usize) {
        if let Some(mut child) = self.servers[place].child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends all servers as a power cut would.
    pub fn kill_all(&mut self) {
        for place in 0..self.servers.len() {
            self.kill(place);
        }
    }

    /// Starts a server that was killed, on what it has kept.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn begin(&mut self, place: usize) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("a file");
        let server = &mut self.servers[place];
        let child = Command::new(installed("nats-server"))
            .arg("--config")
            .arg(&server.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server runs");
        server.child = Some(child);
    }

    /// Starts all servers that were killed, and waits until they take work in.
    ///
    /// # Panics
    /// If they do not.
    pub fn begin_all(&mut self) {
        for place in 0..self.servers.len() {
            if self.servers[place].child.is_none() {
                self.begin(place);
            }
        }
        self.wait_ready();
    }

    /// The streams of JetStream that a server has, with their consumers, as it tells
    /// them.
    ///
    /// # Panics
    /// If it does not.
    pub async fn streams(&self, place: usize) -> Vec<Value> {
        let monitor = self.servers[place].monitor;
        let url = format!("http://{monitor}/jsz?streams=true&consumers=true&config=true");
        let told = reqwest_client().get(url).send().await.expect("an answer");
        let told: Value = told.json().await.expect("JSON");
        let accounts = told["account_details"].as_array().into_iter().flatten();
        let streams = accounts.filter_map(|account| account["stream_detail"].as_array());
        streams.flatten().cloned().collect()
    }

    /// How many clients the servers have, as they tell; those that are down have none.
    ///
    /// # Panics
    /// If one tells something else.
    pub async fn clients(&self) -> u64 {
        let mut clients = 0;
        for server in &self.servers {
            let url = format!("http://{}/connz", server.monitor);
            if let Ok(told) = reqwest_client().get(url).send().await {
                let told: Value = told.json().await.expect("JSON");
                clients += told["num_connections"].as_u64().unwrap_or_default();
            }
        }
        clients
    }

    /// What the servers have logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn wait_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        for server in &self.servers {
            while !greets(server.address) {
                assert!(
                    Instant::now() < deadline,
                    "NATS did not get ready:\n{}",
                    self.log()
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill_all();
    }
}

fn config_of(place: usize, address: SocketAddr, options: NatsOptions<'_>) -> String {
    let mut text = format!("server_name: n{place}\nlisten: \"{address}\"\n");
    if let Some((user, password)) = options.login {
        let _ = writeln!(
            text,
            "authorization {{ user: {user}, password: \"{password}\" }}"
        );
    }
    if let Some(token) = options.token {
        let _ = writeln!(text, "authorization {{ token: \"{token}\" }}");
    }
    if let Some(tls) = options.tls {
        let _ = writeln!(
            text,
            "tls {{ cert_file: {:?}, key_file: {:?} }}",
            tls.certificate, tls.key
        );
    }
    text
}

fn cluster_of(own: SocketAddr, routes: &[SocketAddr]) -> String {
    let others: Vec<_> = routes.iter().map(|it| format!("\"nats://{it}\"")).collect();
    format!(
        "cluster {{ name: bus, listen: \"{own}\", routes: [{}] }}\n",
        others.join(", ")
    )
}

/// Whether a server greets whoever connects.
fn greets(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    read.is_ok() && line.starts_with("INFO ")
}
