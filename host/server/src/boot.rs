//! Starting and stopping a host: what is opened in which order, and how it is
//! let go.

mod duties;
mod ground;
mod open_files;
mod people;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use muster_blocks::BlocksError;
use muster_bus::BusUrl;
use muster_engine::EngineError;
use muster_store::{DatabaseUrl, StoreError};

use self::{duties::Duties, ground::Ground};
use crate::{
    control::{
        block_storage::BlockOptions, error::ControlError, leadership::Leadership,
        linking::LinkOptions,
    },
    data_dir::DataDirError,
    http::front::Front,
};

/// How long a part's work may take to end when the host gets another part. What
/// goes on after that changes nothing any more.
const CHANGE: Duration = Duration::from_secs(3);

/// What a host is told when it starts.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder that holds everything the host keeps.
    pub data_dir: PathBuf,
    /// Where API and console listen.
    pub management: SocketAddr,
    /// Where apps are reached.
    pub apps: SocketAddr,
    /// Where a load balancer listens, if the host is one.
    pub balancer: SocketAddr,
    /// Where it listens for TLS.
    pub balancer_tls: SocketAddr,
    /// The host's name; the machine's unless told.
    pub name: Option<String>,
    /// The domain of apps that name no route.
    pub app_domain: String,
    /// The first admin's password; made up and shown once unless told.
    pub initial_password: Option<String>,
    /// The logging of this process, which operators may change.
    pub logging: muster_logging::Handle,
    /// How the host may be linked with others.
    pub links: LinkOptions,
    /// Where the host keeps its blocks.
    pub blocks: BlockOptions,
    /// The database with the group's state, if that is not to be in the host's own
    /// folder.
    pub database: Option<DatabaseUrl>,
    /// The bus that carries hints and durable work, unless it is that of the cluster.
    pub bus: Option<BusUrl>,
    /// Whether this program is on trial, see [`start`](crate::start).
    pub on_trial: bool,
}

/// Why a host has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its process is to become another program.
    Replaced,
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The block store cannot be used.
    #[error("the block store cannot be used: {0}")]
    Blocks(#[from] BlocksError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({what}): {source}; choose another with {flag}")]
    Listen {
        /// What for.
        what: &'static str,
        /// The flag that changes it.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else.
    #[error("the host does not start: {0}")]
    Other(String),
}

impl From<ControlError> for ServeError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(error) => Self::Store(error),
            ControlError::Blocks(error) => Self::Blocks(error),
            ControlError::Conflict {
                message, remedy, ..
            } => Self::Other(format!("{message}; {remedy}")),
            other => Self::Other(other.to_string()),
        }
    }
}

/// Runs a host until `stop` resolves or another program is to take its place, then
/// lets requests finish.
///
/// # Errors
/// If the host does not start. Nothing was changed then but, on a first start,
/// a fresh data directory.
pub async fn serve(
    options: ServeOptions,
    stop: impl Future<Output = ()> + Send,
) -> Result<Ended, ServeError> {
    open_files::allow_most();
    let (mut ground, listener) = Ground::open(options).await?;
    let (leadership, mut part) = Leadership::open(
        &ground.own,
        ground.id,
        (ground.options.database.clone(), ground.options.bus.clone()),
        (ground.links.clone(), ground.bus.clone()),
    )
    .await?;
    let front = Front::default();
    let mut duties = Some(Duties::begin(&ground, (&leadership, &part), &front).await?);
    ground.keep_up();
    ground.spawn(front.clone().serve(listener, ground.ending()));
    ground.spawn(leadership.clone().run(ground.ending()));
    tracing::info!(host = %ground.name.get(), management = %ground.management, apps = %ground.apps, "the host serves");

    tokio::pin!(stop);
    let releases = ground.releases.clone();
    let ended = loop {
        tokio::select! {
            () = &mut stop => break Ended::Stopped,
            () = releases.leaving() => break Ended::Replaced,
            next = leadership.next(&part) => part = next,
        }
        if let Some(duties) = duties.take() {
            duties.end(CHANGE).await;
        }
        match Duties::begin(&ground, (&leadership, &part), &front).await {
            Ok(begun) => {
                duties = Some(begun);
                leadership.took_up(&part);
            }
            Err(error) => {
                tracing::error!(%error, "this host could not take up its part; it is tried again");
                leadership.give_up(&part).await;
            }
        }
    };
    tracing::info!(
        "the host stops; requests may finish for {} s",
        ground::GRACE.as_secs()
    );
    ground.leave().await;
    ground.stop_serving().await;
    if let Some(duties) = duties {
        duties.end(ground::GRACE).await;
    }
    leadership.close().await;
    ground.end().await?;
    tracing::info!("the host has stopped");
    Ok(ended)
}

fn listen(
    what: &'static str,
    flag: &'static str,
    address: SocketAddr,
) -> impl FnOnce(std::io::Error) -> ServeError {
    move |source| ServeError::Listen {
        what,
        flag,
        address,
        source,
    }
}

/// Tells the operator how to log in: once, and on standard error as plain text,
/// so that it does not end up where logs are collected.
fn announce_admin(password: &str) {
    eprintln!(
        "The first user is 'admin' with the password {password}\n\
         It is shown this once. Log in with: muster login"
    );
}

fn machine_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
