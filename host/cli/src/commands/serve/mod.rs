//! `muster serve`

mod config;
mod logging;

use std::{env, io, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use muster_api::hosts::HostMode;
use muster_server::ServeOptions;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::config::Config;
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
    let logging = config.logging.start(&config.data_dir)?;
    let options = ServeOptions {
        data_dir: config.data_dir,
        management: config.management,
        apps: config.apps,
        name: config.name,
        app_domain: config.app_domain,
        initial_password: env::var("MUSTER_INITIAL_PASSWORD")
            .ok()
            .filter(|text| !text.is_empty()),
        logging: logging.clone(),
        links: config.links,
    };
    let ended = until_told(options).await;
    logging.flush(FLUSH);
    ended
}

async fn until_told(options: ServeOptions) -> Result<(), Failure> {
    let mut signals = Signals::take().map_err(|error| {
        Failure::new(Exit::Failure, format!("signals cannot be awaited: {error}"))
    })?;
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
