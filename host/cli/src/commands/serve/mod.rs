//! `muster serve`

mod config;
mod logging;

use std::{env, io, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use muster_api::{hosts::HostMode, units::ByteSize};
use muster_server::{Ended, Guard, Place, ServeOptions, Start};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::config::Config;
pub(crate) use self::config::database;
pub use self::{config::usual_data_dir, logging::LogFormat};
use crate::failure::{Exit, Failure};

/// How long the last log lines may take to be written.
const FLUSH: Duration = Duration::from_secs(5);

/// How to serve. What is left out comes from `host.toml`, or has a default.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Where the host keeps everything [default: ~/.local/share/muster]
    #[arg(
        long,
        env = "MUSTER_DATA_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    data_dir: Option<PathBuf>,
    /// Where the API listens [default: 127.0.0.1:7480]
    #[arg(
        long,
        env = "MUSTER_MANAGEMENT",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    management: Option<SocketAddr>,
    /// Where apps are reached [default: 127.0.0.1:8080]
    #[arg(
        long,
        env = "MUSTER_APPS",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    apps: Option<SocketAddr>,
    /// Where load balancers find the apps of this host, as HOST:PORT; may be given
    /// several times [default: --apps, at the addresses of the network interfaces]
    #[arg(
        long,
        env = "MUSTER_APP_ADDRESS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    app_address: Vec<String>,
    /// Where a host with the role load-balancer listens [default: 0.0.0.0:80]
    #[arg(
        long,
        env = "MUSTER_BALANCER",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    balancer: Option<SocketAddr>,
    /// Where it listens for TLS [default: 0.0.0.0:443]
    #[arg(
        long,
        env = "MUSTER_BALANCER_TLS",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    balancer_tls: Option<SocketAddr>,
    /// The host's name [default: the machine's]
    #[arg(long, env = "MUSTER_NAME", hide_env_values = true)]
    name: Option<String>,
    /// The domain of apps without a route of their own [default: localhost]
    #[arg(
        long,
        env = "MUSTER_APP_DOMAIN",
        hide_env_values = true,
        value_name = "DOMAIN"
    )]
    app_domain: Option<String>,
    /// The PostgreSQL database that holds the group's state in place of a file in the
    /// data directory: postgres://USER:PASSWORD@HOST:PORT,…/NAME, with all of its
    /// servers. Better given by the environment than by a flag, which others can see
    #[arg(
        long,
        env = "MUSTER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// The bus that hosts which share a state tell each other news by, and that carries
    /// durable work: nats://USER:PASSWORD@HOST:PORT,… or tls://…, with all servers of
    /// the cluster. Unless told, it is that of the cluster whose control plane the host
    /// is in. Without one, or while it is away, everything is done all the same, if not
    /// as soon
    #[arg(
        long,
        env = "MUSTER_BUS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    bus_url: Option<String>,
    /// Where linked hosts reach this one, once it is linked [default: 0.0.0.0:7444]
    #[arg(
        long,
        env = "MUSTER_PEERS",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    peers: Option<SocketAddr>,
    /// Where linked hosts find this one, as HOST:PORT; may be given several
    /// times [default: the addresses of the network interfaces]
    #[arg(
        long,
        env = "MUSTER_PEER_ADDRESS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    peer_address: Vec<String>,
    /// How Muster is installed; hosts of one mode can be linked [default: agent]
    #[arg(
        long,
        env = "MUSTER_MODE",
        hide_env_values = true,
        value_enum,
        value_name = "MODE"
    )]
    mode: Option<Mode>,
    /// Whether the host may be linked with others [default: true]
    #[arg(
        long,
        env = "MUSTER_MULTI_NODE",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    multi_node: Option<bool>,
    /// What the host shares a fate with, such as a rack or a room: instances of
    /// one app are spread over zones
    #[arg(long, env = "MUSTER_ZONE", hide_env_values = true)]
    zone: Option<String>,
    /// What apps may ask of the host that runs them; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Where blocks are kept: `local`, or
    /// `s3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME` [default: where they
    /// are, or in files of the data directory]
    ///
    /// An S3 server's access key comes from the environment, as
    /// MUSTER_BLOCKS_ACCESS_KEY, MUSTER_BLOCKS_SECRET_KEY and, for keys that pass,
    /// MUSTER_BLOCKS_SESSION_TOKEN, or from the configuration file.
    #[arg(
        long,
        env = "MUSTER_BLOCKS_URL",
        hide_env_values = true,
        value_name = "PLACE"
    )]
    blocks_url: Option<Place>,
    /// How much of the blocks on an S3 server may also lie in files of the data
    /// directory, such as 10GiB [default: 10GiB]
    #[arg(
        long,
        env = "MUSTER_BLOCKS_CACHE",
        hide_env_values = true,
        value_name = "SIZE"
    )]
    blocks_cache: Option<ByteSize>,
    /// The configuration file [default: host.toml in the data directory, if there is one]
    #[arg(
        long,
        env = "MUSTER_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    /// How log lines are written to standard error [default: text]
    #[arg(
        long,
        env = "MUSTER_LOG_FORMAT",
        hide_env_values = true,
        value_enum,
        value_name = "FORMAT"
    )]
    log_format: Option<LogFormat>,
    /// What is logged, such as `warn` or `info,muster_server=debug` [default: info]
    #[arg(
        long,
        env = "MUSTER_LOG",
        hide_env_values = true,
        value_name = "FILTER"
    )]
    log: Option<String>,
    /// Where log lines go: `stderr`, `file:PATH`, `syslog`; may be given several times [default: stderr]
    ///
    /// A file may say when it is rotated: `file:host.log,size=10MiB,keep=5` or
    /// `file:host.log,daily,keep=30`. A name without a folder lies in the folder
    /// `logs` of the data directory. `syslog:udp:HOST:PORT`,
    /// `syslog:tcp:HOST:PORT` and `syslog:unix:PATH` name a syslog server.
    ///
    /// Of the three, what flags or the environment say stands above what
    /// `muster logging set --keep` has kept, and that above `host.toml`. If any
    /// is given, none of what was kept counts.
    #[arg(
        long,
        env = "MUSTER_LOG_TO",
        hide_env_values = true,
        value_delimiter = ';',
        value_name = "PLACE"
    )]
    log_to: Vec<String>,
}

/// How Muster is installed on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The machine is Muster's alone
    Appliance,
    /// Muster is a guest on an operating system that somebody else looks after
    Agent,
}

impl From<Mode> for HostMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Appliance => Self::Appliance,
            Mode::Agent => Self::Agent,
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it looks like NAME=VALUE".to_owned()),
    }
}

/// Runs a host until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// If the configuration is wrong, or the host cannot start.
pub async fn run(args: ServeArgs) -> Result<(), Failure> {
    let config = Config::resolve(args)?;
    let on_trial = match muster_server::start(&config.data_dir) {
        Start::Serve { on_trial } => on_trial,
        Start::Guard(guard) => return watch(guard).await,
    };
    let data_dir = config.data_dir.clone();
    let logging = config.logging.start(&config.data_dir)?;
    let options = ServeOptions {
        data_dir: config.data_dir,
        management: config.management,
        apps: config.apps,
        balancer: config.balancer,
        balancer_tls: config.balancer_tls,
        name: config.name,
        app_domain: config.app_domain,
        initial_password: env::var("MUSTER_INITIAL_PASSWORD")
            .ok()
            .filter(|text| !text.is_empty()),
        logging: logging.clone(),
        links: config.links,
        database: config.database,
        bus: config.bus,
        blocks: config.blocks,
        on_trial,
    };
    let ended = until_told(options).await;
    logging.flush(FLUSH);
    match ended? {
        Ended::Replaced if !on_trial => Err(not_replaced(&muster_server::try_other(&data_dir))),
        _ => Ok(()),
    }
}

/// Watches over a program that this host tries, which takes its place then.
async fn watch(guard: Guard) -> Result<(), Failure> {
    let mut signals = signals()?;
    let watched = guard.run(signals.next()).await;
    watched.map_err(|error| not_replaced(&error))
}

fn not_replaced(error: &io::Error) -> Failure {
    let text = format!("no program could be started in place of this one: {error}");
    Failure::new(Exit::Failure, text).hint("start the host again")
}

fn signals() -> Result<Signals, Failure> {
    Signals::take()
        .map_err(|error| Failure::new(Exit::Failure, format!("signals cannot be awaited: {error}")))
}

async fn until_told(options: ServeOptions) -> Result<Ended, Failure> {
    let mut signals = signals()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = muster_server::serve(options, async {
        // Whether the sender has sent or is gone: the host is to stop.
        let _ = stopped.await;
    });
    tokio::pin!(serve);
    tokio::select! {
        ended = &mut serve => return ended.map_err(failure),
        () = signals.next() => {}
    }
    let _ = stop.send(());
    tokio::select! {
        ended = serve => ended.map_err(failure),
        () = signals.next() => {
            Err(Failure::new(Exit::Cancelled, "stopped before all requests were finished"))
        }
    }
}

fn failure(error: muster_server::ServeError) -> Failure {
    Failure::new(Exit::Failure, error.to_string())
}

/// The signals that ask a host to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
