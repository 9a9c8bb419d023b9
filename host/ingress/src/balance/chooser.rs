//! One worker's load balancer: the plugin's instance, kept at the group's
//! generation.

use std::{sync::Arc, time::Instant};

use http::request::Parts;
use muster_engine::plugin::{
    PluginError,
    balancing::{Asked, BalancerPlugin},
};

use super::{
    group::{Balance, Group},
    upstream::Upstream,
};
use crate::slot::{Backoff, BalancerMaker, BalancerSlot, PluginFailure};

/// Why there is no upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unchosen {
    /// None may serve.
    Nobody,
    /// The plugin failed, now or a moment ago, or there is none.
    Failing,
}

/// One worker's load balancer.
pub(super) struct Chooser {
    slot: BalancerSlot,
    balance: Arc<Balance>,
    version: Option<u64>,
    maker: Option<Arc<BalancerMaker>>,
    plugin: Option<BalancerPlugin>,
    /// What the plugin holds.
    group: Option<Arc<Group>>,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl Chooser {
    pub(super) fn new(slot: BalancerSlot, balance: Arc<Balance>) -> Self {
        Self {
            slot,
            balance,
            version: None,
            maker: None,
            plugin: None,
            group: None,
            backoff: Backoff::default(),
            not_before: None,
        }
    }

    /// Chooses an upstream of a request that those in `asked.failed` have failed;
    /// puts those in there, too, that are not to be had after all.
    pub(super) fn choose(
        &mut self,
        asked: &mut Asked,
        head: &mut Parts,
    ) -> Result<(u32, Arc<Upstream>), Unchosen> {
        self.follow_slot();
        let maker = self.maker.clone().ok_or(Unchosen::Failing)?;
        self.ask(&maker, asked, head).map_err(|error| match error {
            Trouble::Nobody => Unchosen::Nobody,
            Trouble::Rests => Unchosen::Failing,
            Trouble::Failed(error) => {
                self.fail(&maker, error);
                Unchosen::Failing
            }
        })
    }

    /// Gets ready before there is a request, lets the plugin do its housekeeping
    /// and asks it how it is.
    pub(super) fn tend(&mut self) {
        self.follow_slot();
        let Some(maker) = self.maker.clone() else {
            return;
        };
        let tended = self.ready(&maker).and_then(|(plugin, _)| {
            plugin.reconcile()?;
            Ok(plugin.health()?)
        });
        match tended {
            Ok(health) => (maker.tended)(&health),
            Err(Trouble::Failed(error)) => self.fail(&maker, error),
            Err(Trouble::Rests | Trouble::Nobody) => {}
        }
    }

    /// Takes over the load balancer that is in force now.
    fn follow_slot(&mut self) {
        if self.slot.version() == self.version && self.version.is_some() == self.maker.is_some() {
            return;
        }
        if let Some(mut old) = self.plugin.take() {
            let _ = old.stop();
        }
        self.maker = self.slot.get();
        self.version = self.maker.as_ref().map(|maker| maker.version);
        self.group = None;
        self.backoff = Backoff::default();
        self.not_before = None;
    }

    fn ask(
        &mut self,
        maker: &BalancerMaker,
        asked: &mut Asked,
        head: &mut Parts,
    ) -> Result<(u32, Arc<Upstream>), Trouble> {
        loop {
            let (plugin, group) = self.ready(maker)?;
            let chosen = plugin.decide(asked, head)?;
            let found = chosen.and_then(|place| Some((place, group.upstream(place)?)));
            match found {
                Some((place, upstream)) if !asked.failed.contains(&place) => {
                    if upstream.admit(asked.last_resort, &group.terms) {
                        return Ok((place, Arc::clone(upstream)));
                    }
                    asked.failed.push(place);
                }
                // Who rests is better than nobody, and may be well by now.
                _ if !asked.last_resort => asked.last_resort = true,
                _ => return Err(Trouble::Nobody),
            }
        }
    }

    /// The plugin, started and holding the current group.
    fn ready(
        &mut self,
        maker: &BalancerMaker,
    ) -> Result<(&mut BalancerPlugin, &Arc<Group>), Trouble> {
        if self.plugin.is_none() {
            if self.not_before.is_some_and(|when| Instant::now() < when) {
                return Err(Trouble::Rests);
            }
            let mut plugin = (maker.make)()?;
            plugin.start()?;
            self.group = None;
            self.plugin = Some(plugin);
        }
        let Some(plugin) = &mut self.plugin else {
            return Err(Trouble::Rests);
        };
        let generation = Some(self.balance.generation());
        if self.group.as_ref().map(|group| group.generation) != generation {
            let group = self.balance.current();
            plugin.apply(&group.pool(), Arc::clone(&group) as _)?;
            self.group = Some(group);
        }
        match &self.group {
            Some(group) => Ok((plugin, group)),
            None => Err(Trouble::Rests),
        }
    }

    fn fail(&mut self, maker: &BalancerMaker, error: PluginError) {
        self.plugin = None;
        self.group = None;
        let now = Instant::now();
        let again_in = self.backoff.next(now);
        self.not_before = Some(now + again_in);
        (maker.failed)(&PluginFailure { error, again_in });
    }
}

enum Trouble {
    Nobody,
    Rests,
    Failed(PluginError),
}

impl From<PluginError> for Trouble {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}
