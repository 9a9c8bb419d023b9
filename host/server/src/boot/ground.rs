//! What a host has from its start to its end, whatever part it has in a group: its
//! folder, what it keeps of itself, the engine, the data path, its plugins, its
//! links.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::PrometheusHandle;
use muster_api::id::HostId;
use muster_blocks::Blocks;
use muster_bus::Bus;
use muster_engine::{Engine, EngineOptions};
use muster_identity::seal::Sealer;
use muster_ingress::{
    Backends, BalancerSlot, Fronts, Ingress, IngressOptions, RouteTable, RouterSlot,
};
use muster_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{ServeError, ServeOptions, listen, machine_name};
use crate::{
    agent::{balancing::Balancing, fleet::Fleet, instances::Instances},
    control::{
        block_storage,
        linking::{LinkOptions, Links},
        logging::LoggingControl,
        state::State,
        this_host::{self, Name},
    },
    data_dir::DataDir,
    logs::Logs,
    releases::Releases,
    roles::{LINGER, Roles},
};

/// How long requests may finish when the host stops.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How many instances may live at the same time.
const INSTANCES: u32 = 1000;

/// What a host has from its start to its end.
pub(super) struct Ground {
    pub(super) options: ServeOptions,
    pub(super) started: Instant,
    pub(super) id: HostId,
    pub(super) name: Name,
    pub(super) dir: Arc<DataDir>,
    /// What the host keeps of itself; and the group's state, unless several share
    /// that.
    pub(super) own: State,
    /// Where hosts that share a state meet; exchanged by `Leadership`.
    pub(super) bus: Bus,
    pub(super) metrics: PrometheusHandle,
    pub(super) logging: LoggingControl,
    pub(super) blocks: Blocks,
    pub(super) engine: Engine,
    pub(super) table: Arc<RouteTable>,
    pub(super) backends: Arc<Backends>,
    pub(super) logs: Arc<Logs>,
    pub(super) instances: Arc<Instances>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) roles: Arc<Roles>,
    pub(super) links: Links,
    pub(super) releases: Releases,
    pub(super) balancing: Arc<Balancing>,
    /// Whether load balancers are to look elsewhere.
    leaving: Arc<AtomicBool>,
    /// Where the API listens.
    pub(super) management: SocketAddr,
    /// Where apps are reached.
    pub(super) apps: SocketAddr,
    ingress: Option<Ingress>,
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Ground {
    /// Opens all of it. With it comes the listener of the API, which nobody serves
    /// yet.
    pub(super) async fn open(options: ServeOptions) -> Result<(Self, TcpListener), ServeError> {
        let started = Instant::now();
        let metrics = crate::http::metrics::install();
        let dir = Arc::new(DataDir::open(&options.data_dir)?);
        let store = Store::open(&dir.database()).await?;
        let logging = LoggingControl::new(store.clone(), options.logging.clone()).await?;
        let engine = Engine::new(&EngineOptions {
            cache: dir.code(),
            instances: INSTANCES,
        })?;
        let listener = TcpListener::bind(options.management).await.map_err(listen(
            "management",
            "--management",
            options.management,
        ))?;
        let management = listener.local_addr().unwrap_or(options.management);
        let key = dir.sealing_key()?;
        let sealer = Sealer::new(&key)
            .ok_or_else(|| ServeError::Other("the sealing key is of no use".to_owned()))?;
        let own = State::new(store, sealer, &key);
        let told = &options.blocks;
        let (place, credentials) =
            block_storage::settle(&own.store, &own.sealer, &dir.blocks(), told).await?;
        let blocks = Blocks::open_at(&dir.blocks(), place, &credentials, told.cache)?;
        let id = host_id(&own.store).await?;

        let (slot, table, backends) = (
            RouterSlot::default(),
            Arc::new(RouteTable::default()),
            Arc::new(Backends::default()),
        );
        let balancer_slot = BalancerSlot::default();
        let (fronts, leaving) = (Arc::<Fronts>::default(), Arc::<AtomicBool>::default());
        let (logs, instances) = (Arc::new(Logs::default()), Arc::new(Instances::default()));
        let roles = Arc::new(Roles::new(
            own.store.clone(),
            blocks.clone(),
            engine.clone(),
            (slot.clone(), balancer_slot.clone()),
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
            fronts: Arc::clone(&fronts),
            leaving: Arc::clone(&leaving),
        })
        .map_err(listen("apps", "--apps", options.apps))?;

        let name = this_host::name(&own.store, options.name.as_deref(), machine_name).await?;
        let fleet = Arc::new(Fleet::new(Arc::clone(&instances), id, name.clone()));
        let links = Links::open(
            own.clone(),
            Arc::clone(&roles),
            Arc::clone(&fleet),
            (blocks.clone(), ingress.door()),
            name.clone(),
            LinkOptions {
                apps: ingress.address(),
                ..options.links.clone()
            },
        )
        .await?;
        let releases = Releases::open(
            dir.root(),
            blocks.clone(),
            Arc::clone(&roles),
            options.on_trial,
        );
        let balancing = Arc::new(Balancing {
            host: id,
            roles: Arc::clone(&roles),
            section: Default::default(),
            listen: (options.balancer, options.balancer_tls),
            slot: balancer_slot,
            balance: Arc::default(),
            certificates: Arc::default(),
            fronts,
            known: Default::default(),
            settling: Default::default(),
            stopping: Default::default(),
            listening: Default::default(),
        });
        let bus = Bus::in_process(&format!("muster {}", name.get()));
        let ground = Self {
            apps: ingress.address(),
            options,
            started,
            id,
            name,
            dir,
            own,
            bus,
            metrics,
            logging,
            blocks,
            engine,
            table,
            backends,
            logs,
            instances,
            fleet,
            roles,
            links,
            releases,
            balancing,
            leaving,
            management,
            ingress: Some(ingress),
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
        };
        Ok((ground, listener))
    }

    /// Has the host talk to others, until it ends.
    pub(super) fn keep_up(&self) {
        let (links, metrics) = (&self.links, self.metrics.clone());
        self.tasks
            .spawn(Arc::clone(&self.balancing).run(self.ending()));
        self.tasks.spawn(links.clone().keep_up(self.ending()));
        self.tasks.spawn(links.clone().listen(self.ending()));
        self.tasks
            .spawn(links.clone().keep_what_is_told(self.ending()));
        let keep_up = crate::http::metrics::keep_up(metrics, self.ending());
        self.tasks.spawn(keep_up);
    }

    /// Has something go on until the host ends.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Cancelled when the host ends.
    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Has load balancers look elsewhere, if there are any, before it stops.
    pub(super) async fn leave(&self) {
        if self.balancing.is_behind_others() {
            self.leaving.store(true, Ordering::Relaxed);
            self.links.leaves();
            self.balancing.leave();
            tokio::time::sleep(LINGER).await;
        }
    }

    /// Lets requests to apps finish, and takes no more.
    pub(super) async fn stop_serving(&mut self) {
        if let Some(ingress) = self.ingress.take() {
            let _ = tokio::task::spawn_blocking(move || ingress.stop(GRACE)).await;
        }
    }

    /// Ends what is still at work.
    pub(super) async fn end(self) -> Result<(), StoreError> {
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work did not end in time; it goes on at the next start");
        }
        self.own.store.close().await
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
