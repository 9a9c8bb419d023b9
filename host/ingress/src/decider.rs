//! One worker's router: the plugin's instance, kept at the table's generation,
//! with the cache of its decisions before it.

use std::{sync::Arc, time::Instant};

use http::request::Parts;
use muster_engine::plugin::{
    PluginError,
    routing::{Decision, RouterPlugin},
};

use crate::{
    cache::DecisionCache,
    slot::{Backoff, PluginFailure, RouterMaker, RouterSlot},
    table::RouteTable,
};

/// Why there is no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// No router is in force.
    NoRouter,
    /// The router failed, now or a moment ago.
    Failing,
}

/// One worker's router.
pub(crate) struct Decider {
    slot: RouterSlot,
    table: Arc<RouteTable>,
    version: Option<u64>,
    maker: Option<Arc<RouterMaker>>,
    plugin: Option<RouterPlugin>,
    /// The generation that the plugin holds.
    generation: Option<u64>,
    cache: DecisionCache,
    /// The generation that the cache is of. What was decided on it holds even
    /// while the plugin is being restarted.
    cached: Option<u64>,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl Decider {
    pub(crate) fn new(slot: RouterSlot, table: Arc<RouteTable>) -> Self {
        Self {
            slot,
            table,
            version: None,
            maker: None,
            plugin: None,
            generation: None,
            cache: DecisionCache::default(),
            cached: None,
            backoff: Backoff::default(),
            not_before: None,
        }
    }

    /// Decides on a request. `host` is lower-case without port.
    pub(crate) fn decide(
        &mut self,
        host: &str,
        head: &mut Parts,
    ) -> Result<Arc<Decision>, Undecided> {
        self.follow_slot();
        if self.cached == Some(self.table.generation())
            && let Some(decision) = self.cache.get(host, head.uri.path())
        {
            return Ok(decision);
        }
        let maker = self.maker.clone().ok_or(Undecided::NoRouter)?;
        let decided = self.ask(&maker, host, head);
        decided
            .map(Arc::new)
            .inspect(|decision| self.cache.put(host, head.uri.path(), decision))
            .map_err(|error| {
                if let Some(error) = error {
                    self.fail(&maker, error);
                }
                Undecided::Failing
            })
    }

    /// Whether there is a router that knows its routes and is not resting after a
    /// failure.
    pub(crate) fn is_well(&mut self) -> bool {
        self.follow_slot();
        self.table.is_known()
            && self.maker.is_some()
            && (self.plugin.is_some() || self.not_before.is_none())
    }

    /// Takes over the router that is in force now. A new one starts with an
    /// empty cache: it may decide otherwise.
    fn follow_slot(&mut self) {
        if self.slot.version() == self.version && self.version.is_some() == self.maker.is_some() {
            return;
        }
        if let Some(mut old) = self.plugin.take() {
            let _ = old.stop();
        }
        self.maker = self.slot.get();
        self.version = self.maker.as_ref().map(|maker| maker.version);
        self.generation = None;
        self.cache.clear();
        self.cached = None;
        self.backoff = Backoff::default();
        self.not_before = None;
    }

    /// Gets ready before there is a request, lets the plugin do its
    /// housekeeping and asks it how it is.
    pub(crate) fn tend(&mut self) {
        self.follow_slot();
        let Some(maker) = self.maker.clone() else {
            return;
        };
        let tended = self.ready(&maker).and_then(|plugin| {
            plugin.reconcile()?;
            Ok(plugin.health()?)
        });
        match tended {
            Ok(health) => (maker.tended)(&health),
            Err(Some(error)) => self.fail(&maker, error),
            Err(None) => {}
        }
    }

    fn ask(
        &mut self,
        maker: &RouterMaker,
        host: &str,
        head: &mut Parts,
    ) -> Result<Decision, Option<PluginError>> {
        Ok(self.ready(maker)?.decide(host, head)?)
    }

    /// The plugin, started and holding the current table. `None` as the error
    /// means that it rests after a failure.
    fn ready(&mut self, maker: &RouterMaker) -> Result<&mut RouterPlugin, Option<PluginError>> {
        if self.plugin.is_none() {
            if self.not_before.is_some_and(|when| Instant::now() < when) {
                return Err(None);
            }
            let mut plugin = (maker.make)()?;
            plugin.start()?;
            self.generation = None;
            self.plugin = Some(plugin);
        }
        let Some(plugin) = &mut self.plugin else {
            return Err(None);
        };
        if self.generation != Some(self.table.generation()) {
            let update = self.table.update_since(self.generation);
            plugin.apply(&update)?;
            self.generation = Some(update.generation);
            if self.cached != self.generation {
                self.cache.clear();
                self.cached = self.generation;
            }
        }
        Ok(plugin)
    }

    fn fail(&mut self, maker: &RouterMaker, error: PluginError) {
        self.plugin = None;
        let now = Instant::now();
        let again_in = self.backoff.next(now);
        self.not_before = Some(now + again_in);
        (maker.failed)(&PluginFailure { error, again_in });
    }
}
