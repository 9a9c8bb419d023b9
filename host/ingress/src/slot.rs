//! Where workers find the plugin that is in force for a role.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use muster_engine::plugin::{
    Health, PluginError, balancing::BalancerPlugin, routing::RouterPlugin,
};

/// Makes instances of one plugin.
pub struct Maker<P> {
    /// Tells this plugin from any that was in force before.
    pub version: u64,
    /// Makes an instance, not yet started.
    pub make: Box<dyn Fn() -> Result<P, PluginError> + Send + Sync>,
    /// Is told of every failure.
    pub failed: Box<dyn Fn(&PluginFailure) + Send + Sync>,
    /// Is told from time to time how an instance is.
    pub tended: Box<dyn Fn(&Health) + Send + Sync>,
}

/// Makes instances of one router plugin.
pub type RouterMaker = Maker<RouterPlugin>;
/// Makes instances of one load balancer plugin.
pub type BalancerMaker = Maker<BalancerPlugin>;

/// A failure of one worker's instance of a plugin.
#[derive(Debug)]
pub struct PluginFailure {
    /// What went wrong.
    pub error: PluginError,
    /// When the worker makes a new instance.
    pub again_in: Duration,
}

/// The plugin that is in force, if there is one. Swapped as one.
pub struct Slot<P>(Arc<ArcSwapOption<Maker<P>>>);

/// The router that is in force.
pub type RouterSlot = Slot<RouterPlugin>;
/// The load balancer that is in force.
pub type BalancerSlot = Slot<BalancerPlugin>;

impl<P> Default for Slot<P> {
    fn default() -> Self {
        Self(Arc::new(ArcSwapOption::empty()))
    }
}

impl<P> Clone for Slot<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Slot<P> {
    /// Puts a plugin in force, or none.
    pub fn set(&self, maker: Option<Maker<P>>) {
        self.0.store(maker.map(Arc::new));
    }

    /// Takes a plugin out of force, unless another has taken its place.
    pub fn clear(&self, version: u64) {
        self.0.rcu(|now| match now {
            Some(maker) if maker.version == version => None,
            other => other.clone(),
        });
    }

    pub(crate) fn get(&self) -> Option<Arc<Maker<P>>> {
        self.0.load_full()
    }

    /// Which plugin is in force.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.0.load().as_ref().map(|maker| maker.version)
    }
}

/// Spaces out restarts: at once the first time, then ever later, until the
/// plugin has worked for a while.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    last: Option<Instant>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(10);
    const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

    /// Notes a failure; says how long to wait before the next try.
    pub fn next(&mut self, now: Instant) -> Duration {
        if self
            .last
            .is_none_or(|last| now.duration_since(last) > Self::FORGIVEN_AFTER)
        {
            self.failures = 0;
        }
        self.last = Some(now);
        self.failures += 1;
        match self.failures {
            1 => Duration::ZERO,
            n => (Self::FIRST * 2u32.saturating_pow((n - 2).min(20))).min(Self::LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_spaced_out_and_forgiven() {
        let mut backoff = Backoff::default();
        let start = Instant::now();
        let waits: Vec<u128> = (0..12).map(|_| backoff.next(start).as_millis()).collect();
        assert_eq!(waits[..4], [0, 50, 100, 200]);
        assert_eq!(waits[11], 10_000);
        assert_eq!(
            backoff.next(start + Duration::from_secs(31)),
            Duration::ZERO
        );
    }
}
