//! Where workers find the router plugin that is in force.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use muster_engine::plugin::{Health, PluginError, routing::RouterPlugin};

/// Makes instances of one router plugin.
pub struct RouterMaker {
    /// Tells this plugin from any that was in force before.
    pub version: u64,
    /// Makes an instance, not yet started.
    pub make: Box<dyn Fn() -> Result<RouterPlugin, PluginError> + Send + Sync>,
    /// Is told of every failure.
    pub failed: Box<dyn Fn(&RouterFailure) + Send + Sync>,
    /// Is told from time to time how an instance is.
    pub tended: Box<dyn Fn(&Health) + Send + Sync>,
}

/// A failure of one worker's instance of the router plugin.
#[derive(Debug)]
pub struct RouterFailure {
    /// What went wrong.
    pub error: PluginError,
    /// When the worker makes a new instance.
    pub again_in: Duration,
}

/// The router plugin that is in force, if there is one. Swapped as one.
#[derive(Default, Clone)]
pub struct RouterSlot(Arc<ArcSwapOption<RouterMaker>>);

impl RouterSlot {
    /// Puts a router in force, or none.
    pub fn set(&self, maker: Option<RouterMaker>) {
        self.0.store(maker.map(Arc::new));
    }

    pub(crate) fn get(&self) -> Option<Arc<RouterMaker>> {
        self.0.load_full()
    }

    pub(crate) fn version(&self) -> Option<u64> {
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
