//! Starting and stopping a host: what is opened in which order, and how it is
//! let go.

mod people;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_api::id::HostId;
use muster_blocks::{Blocks, BlocksError};
use muster_engine::{Engine, EngineError, EngineOptions};
use muster_identity::seal::Sealer;
use muster_ingress::{Backends, Ingress, IngressOptions, RouteTable, RouterSlot};
use muster_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use self::people::People;
use crate::{
    agent::{Agent, fleet::Fleet, instances::Instances, starter::Starter},
    control::{
        access::AccessControl,
        apps::Apps,
        audit::Audit,
        bundles::Bundles,
        content::Content,
        droplets::Droplets,
        error::ControlError,
        host_names::HostNames,
        housekeeping::Housekeeping,
        jobs::Jobs,
        linking::{LinkOptions, Links},
        logging::LoggingControl,
        placing::Placing,
        projects::Projects,
        pushes::Pushes,
        quotas::Quotas,
        routes::Routes,
        staging::{Staging, Workshop},
        terms_of_use::TermsOfUse,
        this_host::{self, ThisHost},
        views::Urls,
    },
    data_dir::{DataDir, DataDirError},
    http::{Api, Host, idempotency::Repeats, rate_limits::RateLimits},
    logs::Logs,
    roles::Roles,
};

/// How long requests may finish when the host stops.
const GRACE: Duration = Duration::from_secs(30);
/// How many instances may live at the same time.
const INSTANCES: u32 = 1000;

/// What a host is told when it starts.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder that holds everything the host keeps.
    pub data_dir: PathBuf,
    /// Where API and console listen.
    pub management: SocketAddr,
    /// Where apps are reached.
    pub apps: SocketAddr,
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
            other => Self::Other(other.to_string()),
        }
    }
}

/// Runs a host until `stop` resolves, then lets requests finish.
///
/// # Errors
/// If the host does not start. Nothing was changed then but, on a first start,
/// a fresh data directory.
pub async fn serve(
    options: ServeOptions,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let started = Instant::now();
    let metrics = crate::http::metrics::install();
    let dir = Arc::new(DataDir::open(&options.data_dir)?);
    let store = Store::open(&dir.database()).await?;
    let logging = LoggingControl::new(store.clone(), options.logging.clone()).await?;
    let blocks = Blocks::open(&dir.blocks())?;
    let engine = Engine::new(&EngineOptions {
        cache: dir.code(),
        instances: INSTANCES,
    })?;
    let management = TcpListener::bind(options.management).await.map_err(listen(
        "management",
        "--management",
        options.management,
    ))?;
    let listening = management.local_addr().unwrap_or(options.management);
    let sealer = Sealer::new(&dir.sealing_key()?)
        .ok_or_else(|| ServeError::Other("the sealing key is of no use".to_owned()))?;
    let people = People::open(&store, &dir, sealer.clone(), listening).await?;
    let config = people.config.clone();
    let id = host_id(&store).await?;
    people
        .users
        .ensure_admin(options.initial_password.clone(), announce_admin)
        .await?;

    let (slot, table, backends) = (
        RouterSlot::default(),
        Arc::new(RouteTable::default()),
        Arc::new(Backends::default()),
    );
    let (logs, instances) = (Arc::new(Logs::default()), Arc::new(Instances::default()));
    let roles = Arc::new(Roles::new(
        store.clone(),
        blocks.clone(),
        engine.clone(),
        slot.clone(),
    ));
    roles.boot().await?;

    let access = Arc::clone(&logs);
    let ingress = Ingress::start(IngressOptions {
        address: options.apps,
        workers: std::thread::available_parallelism().map_or(1, usize::from),
        router: slot,
        table: Arc::clone(&table),
        backends: Arc::clone(&backends),
        access: Arc::new(move |record| access.access(record)),
    })
    .map_err(listen("apps", "--apps", options.apps))?;

    let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
    let name = this_host::name(&store, options.name.as_deref(), machine_name).await?;
    let fleet = Arc::new(Fleet::new(Arc::clone(&instances), id, name.clone()));
    let links = Links::open(
        store.clone(),
        Arc::clone(&roles),
        Arc::clone(&fleet),
        (blocks.clone(), ingress.door()),
        name.clone(),
        sealer,
        options.links,
    )
    .await?;
    config.step(&links).await?;
    tasks.spawn(config.clone().keep_in_step(links.clone(), ending.clone()));
    tasks.spawn(links.clone().keep_up(ending.clone()));
    tasks.spawn(links.clone().listen(ending.clone()));
    let starter = Starter::new(
        store.clone(),
        blocks.clone(),
        engine.clone(),
        Arc::clone(&dir),
        Arc::clone(&logs),
        instances,
        links.clone(),
    );
    let placing = Placing {
        store: store.clone(),
        links: links.clone(),
        fleet: Arc::clone(&fleet),
        roles: Arc::clone(&roles),
        unplaced: Arc::default(),
    };
    let agent = Agent {
        store: store.clone(),
        roles: Arc::clone(&roles),
        fleet: Arc::clone(&fleet),
        links: links.clone(),
        placing: placing.clone(),
        neighbours: Default::default(),
        starter,
        table,
        backends,
        logs: Arc::clone(&logs),
        started,
    };
    tasks.spawn(agent.run(ending.clone()));
    let names = HostNames {
        domain: options.app_domain.to_ascii_lowercase(),
        machine: name.clone(),
        config: config.clone(),
    };
    let workshop = Workshop {
        blocks: blocks.clone(),
        engine,
        roles: Arc::clone(&roles),
    };
    let staging = Staging {
        store: store.clone(),
        workshop: workshop.clone(),
        links: links.clone(),
        logs: Arc::clone(&logs),
        names: names.clone(),
    };
    tasks.spawn(staging.run(ending.clone()));
    tasks.spawn(crate::http::metrics::keep_up(
        metrics.clone(),
        ending.clone(),
    ));
    people.keep_up(&tasks, &ending);
    let content = Content {
        store: store.clone(),
        blocks: blocks.clone(),
        links: links.clone(),
        dir: Arc::clone(&dir),
    };
    tasks.spawn(content.run(ending.clone()));
    let housekeeping = Housekeeping {
        store: store.clone(),
        config: config.clone(),
        blocks: blocks.clone(),
        links: links.clone(),
        dir: Arc::clone(&dir),
    };
    tasks.spawn(housekeeping.run(ending.clone()));

    let (audit, refusals) = Audit::new(store.clone());
    tasks.spawn(refusals.run(ending.clone()));

    let urls = Urls {
        port: ingress.address().port(),
    };
    let this_host = ThisHost {
        store: store.clone(),
        links: links.clone(),
        name: name.clone(),
        named: options.name.is_some(),
        turn: Arc::default(),
    };
    let host = Host {
        id,
        name,
        management: listening,
        apps: ingress.address(),
        app_domain: options.app_domain,
        started,
    };
    tracing::info!(host = %host.name.get(), management = %host.management, apps = %host.apps, "the host serves");
    let rate_limits = Arc::new(RateLimits::new(&config.get()));
    tasks.spawn(Arc::clone(&rate_limits).keep_up(config.clone(), ending.clone()));
    let api = Api {
        host: Arc::new(host),
        this_host,
        apps: Apps {
            store: store.clone(),
            urls: urls.clone(),
            fleet: Arc::clone(&fleet),
            logs: Arc::clone(&logs),
        },
        droplets: Droplets {
            store: store.clone(),
        },
        pushes: Pushes {
            store: store.clone(),
            blocks: blocks.clone(),
            names: names.clone(),
        },
        bundles: Bundles {
            store: store.clone(),
            blocks: blocks.clone(),
            links: links.clone(),
        },
        routes: Routes {
            store: store.clone(),
            urls,
            names,
        },
        jobs: Jobs {
            store: store.clone(),
        },
        keys: people.keys,
        projects: Projects {
            store: store.clone(),
        },
        quotas: Quotas {
            store: store.clone(),
        },
        access: AccessControl {
            store: store.clone(),
        },
        sessions: people.sessions,
        sign_in: people.sign_in,
        factors: people.factors,
        authorization: people.authorization,
        users: people.users,
        accounts: people.accounts,
        activations: people.activations,
        sign_ups: people.sign_ups,
        terms_of_use: TermsOfUse {
            store: store.clone(),
        },
        post: people.post,
        config,
        audit,
        logging,
        links,
        placing,
        roles,
        blocks,
        logs,
        fleet,
        store: store.clone(),
        metrics,
        rate_limits,
        repeats: Repeats::open(store.clone()).await?,
        streams: Default::default(),
        ending: ending.clone(),
    };
    let http = tasks.spawn(crate::http::serve(
        management,
        api,
        workshop,
        ending.clone(),
    ));

    stop.await;
    tracing::info!(
        "the host stops; requests may finish for {} s",
        GRACE.as_secs()
    );
    let _ = tokio::task::spawn_blocking(move || ingress.stop(GRACE)).await;
    ending.cancel();
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not end in time; it goes on at the next start");
    }
    drop(http);
    store.close().await?;
    tracing::info!("the host has stopped");
    Ok(())
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

async fn host_id(store: &Store) -> Result<HostId, StoreError> {
    if let Some(id) = store.setting_get::<HostId>("host-id").await? {
        return Ok(id);
    }
    let id = HostId(Uuid::now_v7());
    store
        .write(move |tx| Box::pin(async move { tx.setting_put("host-id", &id).await }))
        .await?;
    Ok(id)
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
