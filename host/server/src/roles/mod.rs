//! The roles of this host: which plugin plays each, and how it does.

mod board;
pub(crate) mod bundled;
pub(crate) mod catalog;
mod dea;
pub(crate) mod install;
mod running;
pub(crate) mod stager;

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use muster_api::{
    page::Page,
    roles::{Role, RolePlugin, RoleState},
};
use muster_blocks::Blocks;
use muster_engine::{
    Engine,
    plugin::{
        Contract, LogLevel, PluginCode, PluginError, PluginLog,
        execution::{Decisions, Snapshot},
        staging::{Droplet, PackageFiles, Terms, Wishes},
    },
};
use muster_ingress::{BalancerMaker, BalancerSlot, PluginFailure, RouterMaker, RouterSlot};
use muster_store::{RoleRecord, Store};
use tokio::sync::{Notify, watch};

use self::{
    board::Board,
    dea::DeaSeat,
    stager::{StagerError, StagerSeat},
};
use crate::control::error::ControlError;

/// How long a router goes on that was taken away, until load balancers have
/// heard so.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// The roles of this host.
pub(crate) struct Roles {
    store: Store,
    blocks: Blocks,
    engine: Engine,
    board: Arc<Board>,
    router: RouterSlot,
    balancer: BalancerSlot,
    stager: StagerSeat,
    dea: DeaSeat,
    version: AtomicU64,
    evacuating: AtomicBool,
    /// Whether load balancers send requests here.
    lingers: AtomicBool,
    /// Whether this host is to be a load balancer.
    balances: AtomicBool,
    /// Whether the state is kept here rather than by a leader.
    primary: AtomicBool,
    changed: Notify,
    /// Moves whenever another plugin plays a role.
    seated: watch::Sender<u64>,
    /// Held from the database to the seat, so that both change in one order.
    changing: tokio::sync::Mutex<()>,
    /// Held while a seat and what is known of it change.
    seating: std::sync::Mutex<()>,
}

impl Roles {
    pub(crate) fn new(
        store: Store,
        blocks: Blocks,
        engine: Engine,
        (router, balancer): (RouterSlot, BalancerSlot),
    ) -> Self {
        let board = Arc::new(Board::default());
        Self {
            store,
            blocks,
            engine,
            router,
            balancer,
            stager: StagerSeat::new(Arc::clone(&board)),
            dea: DeaSeat::new(Arc::clone(&board)),
            board,
            version: AtomicU64::new(1),
            evacuating: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            balances: AtomicBool::new(false),
            primary: AtomicBool::new(true),
            changed: Notify::new(),
            seated: watch::Sender::default(),
            changing: tokio::sync::Mutex::default(),
            seating: std::sync::Mutex::default(),
        }
    }

    /// Resolves when another plugin plays a role.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Moves whenever another plugin plays a role.
    pub(crate) fn seated(&self) -> watch::Receiver<u64> {
        self.seated.subscribe()
    }

    /// Whether this host is being emptied, because it is to be no droplet
    /// execution agent any more.
    pub(crate) fn evacuating(&self) -> bool {
        self.evacuating.load(Ordering::Relaxed)
    }

    /// The host is empty: the role can go.
    pub(crate) fn evacuated(&self) {
        let _seating = self.seating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.evacuating.swap(false, Ordering::Relaxed) {
            self.dea.set(None);
        }
    }

    /// Whether this host keeps the state of its group: exactly one does.
    pub(crate) fn keeps_state(&self, keeps: bool) {
        self.primary.store(keeps, Ordering::Relaxed);
    }

    /// Whether somebody plays the droplet execution agent and is to go on.
    pub(crate) fn has_dea(&self) -> bool {
        self.dea.is_taken() && !self.evacuating()
    }

    /// Whether somebody plays the load balancer.
    pub(crate) fn has_balancer(&self) -> bool {
        self.balances.load(Ordering::Relaxed)
    }

    /// The load balancer has finished its requests: its plugin can go.
    pub(crate) fn balancer_closed(&self) {
        let _seating = self.seating.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_balancer() {
            self.balancer.set(None);
        }
    }

    /// Whether load balancers send requests here: a router that is taken away
    /// goes on until they have heard so.
    pub(crate) fn linger(&self, linger: bool) {
        self.lingers.store(linger, Ordering::Relaxed);
    }

    /// The load balancer has a plugin, but cannot do its job.
    pub(crate) fn balancer_hindered(&self, why: &str) {
        self.board.unusable(catalog::ALONE, why);
    }

    /// Whether somebody plays the stager.
    pub(crate) fn has_stager(&self) -> bool {
        self.stager.is_taken()
    }

    /// Has the stager role stage a package. Blocks.
    pub(crate) fn stage(
        &self,
        package: Arc<dyn PackageFiles>,
        wishes: &Wishes,
        terms: &Terms,
    ) -> Result<Droplet, StagerError> {
        self.stager.stage(package, wishes, terms)
    }

    /// Has the droplet execution agent role decide. `None` if nobody plays it
    /// or it rests after a failure. Blocks.
    pub(crate) fn decide(&self, snapshot: &Snapshot) -> Option<Decisions> {
        self.dea.decide(snapshot)
    }

    /// All roles: those of this host and those it could have.
    pub(crate) async fn list(&self) -> Result<Page<Role>, ControlError> {
        let mut items: Vec<Role> = catalog::BUILTIN
            .iter()
            .map(|(name, summary)| builtin(name, summary))
            .collect();
        if !self.primary.load(Ordering::Relaxed) {
            for role in items
                .iter_mut()
                .filter(|role| role.name == catalog::PRIMARY)
            {
                role.state = RoleState::Absent;
            }
        }
        for (name, summary) in catalog::PLAYED_BY_PLUGINS {
            items.push(self.view(name, summary).await?);
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Page { items, next: None })
    }

    /// One role.
    pub(crate) async fn show(
        &self,
        name: &str,
    ) -> Result<(Option<RoleRecord>, Role), ControlError> {
        let record = self.store.role_get(name).await?;
        let all = self.list().await?;
        all.items
            .into_iter()
            .find(|role| role.name == name)
            .map(|role| (record, role))
            .ok_or_else(|| ControlError::not_found("role", name))
    }

    async fn view(&self, name: &str, summary: &str) -> Result<Role, ControlError> {
        let entry = self.board.get(name);
        let installed = self.store.role_get(name).await?;
        let bundled = installed
            .as_ref()
            .is_some_and(|record| record.component.is_none());
        let plugin = entry.plugin.filter(|_| installed.is_some());
        let plugin =
            plugin
                .zip(Contract::of(name))
                .map(|((manifest, digest), Contract { limits, .. })| RolePlugin {
                    name: manifest.name,
                    version: manifest.version,
                    world: manifest.world,
                    imports: manifest.imports,
                    digest,
                    bundled,
                    memory_limit: limits.memory,
                    call_limit_ms: u64::try_from(limits.call.as_millis()).unwrap_or(u64::MAX),
                });
        Ok(Role {
            name: name.to_owned(),
            state: if installed.is_some() {
                entry.state
            } else {
                RoleState::Absent
            },
            builtin: false,
            alone: name == catalog::ALONE,
            summary: summary.to_owned(),
            plugin,
            restarts: entry.restarts,
            last_error: entry.last_error,
            last_error_at: entry.last_error_at,
        })
    }

    /// Puts a plugin in force, in the middle of whatever goes on.
    fn seat(&self, role: &str, code: Option<PluginCode>) {
        let _seating = self.seating.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        self.board.seated(role, code.as_ref());
        match role {
            "router" => match (code, self.router.version()) {
                (None, Some(played)) if self.lingers.load(Ordering::Relaxed) => {
                    let router = self.router.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(LINGER).await;
                        router.clear(played);
                    });
                }
                (code, _) => self
                    .router
                    .set(code.map(|code| self.router_maker(version, code))),
            },
            "stager" => self.stager.set(code),
            // The plugin stays until the requests have finished.
            catalog::ALONE => {
                self.balances.store(code.is_some(), Ordering::Relaxed);
                if let Some(code) = code {
                    self.balancer.set(Some(self.balancer_maker(version, code)));
                }
            }
            _ => match code {
                Some(code) => {
                    self.evacuating.store(false, Ordering::Relaxed);
                    self.dea.set(Some(code));
                }
                // The plugin stays until it has emptied the host.
                None => self.evacuating.store(true, Ordering::Relaxed),
            },
        }
        // Kept for the agent, should it look elsewhere at this moment.
        self.changed.notify_one();
        self.seated.send_modify(|seated| *seated += 1);
    }

    fn router_maker(&self, version: u64, code: PluginCode) -> RouterMaker {
        let (board, tended) = (Arc::clone(&self.board), Arc::clone(&self.board));
        RouterMaker {
            version,
            make: Box::new(move || code.instantiate(plugin_log("router"))),
            failed: Box::new(move |failure: &PluginFailure| {
                board.failed("router", &failure.error, version);
            }),
            tended: Box::new(move |health| tended.tended("router", health)),
        }
    }

    fn balancer_maker(&self, version: u64, code: PluginCode) -> BalancerMaker {
        let (board, tended) = (Arc::clone(&self.board), Arc::clone(&self.board));
        BalancerMaker {
            version,
            make: Box::new(move || code.instantiate(plugin_log(catalog::ALONE))),
            failed: Box::new(move |failure: &PluginFailure| {
                board.failed(catalog::ALONE, &failure.error, version);
            }),
            tended: Box::new(move |health| tended.tended(catalog::ALONE, health)),
        }
    }
}

fn builtin(name: &str, summary: &str) -> Role {
    Role {
        name: name.to_owned(),
        state: RoleState::Running,
        builtin: true,
        alone: false,
        summary: summary.to_owned(),
        plugin: None,
        restarts: 0,
        last_error: None,
        last_error_at: None,
    }
}

/// What a plugin logs goes into the host's log, under its role.
pub(crate) fn plugin_log(role: &'static str) -> PluginLog {
    Arc::new(move |level, message: &str| match level {
        LogLevel::Debug => tracing::debug!(target: "muster::plugin", role, "{message}"),
        LogLevel::Info => tracing::info!(target: "muster::plugin", role, "{message}"),
        LogLevel::Warn => tracing::warn!(target: "muster::plugin", role, "{message}"),
        LogLevel::Error => tracing::error!(target: "muster::plugin", role, "{message}"),
    })
}

/// Whether an error means that the instance must not be called again.
pub(crate) fn is_fatal(error: &PluginError) -> bool {
    !matches!(error, PluginError::Reported(_))
}
