//! One limit, counted apart for each client.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use muster_api::config::rate_limits::Rate;

/// The most clients that one limit counts apart. A client takes about 50 bytes.
const MAX_CLIENTS: usize = 50_000;

const MINUTE: Duration = Duration::from_secs(60);

/// One limit.
pub(super) struct Bucket {
    name: &'static str,
    rate: Rate,
    limiter: RateLimiter<u128, Bounded, MonotonicClock, StateInformationMiddleware>,
}

/// How a client stands with one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The limit's name.
    pub(super) name: &'static str,
    /// How many requests are taken at once after a rest.
    pub(super) quota: u32,
    /// How long the rest must be, in seconds.
    pub(super) window: u64,
    /// How many requests would be taken right now.
    pub(super) remaining: u32,
    /// How long until all of the quota is there again, in seconds.
    pub(super) reset: u64,
    /// If this request is one too many: how long until one is taken, in seconds.
    pub(super) wait: Option<u64>,
}

impl Bucket {
    pub(super) fn new(name: &'static str, rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let period = MINUTE / rate.per_minute.max(1);
        // A period of no time at all is the one that makes no quota.
        let quota = Quota::with_period(period.max(Duration::from_nanos(1))).map_or_else(
            || Quota::per_second(burst),
            |quota| quota.allow_burst(burst),
        );
        Self {
            name,
            rate,
            limiter: RateLimiter::new(quota, Bounded::new(MAX_CLIENTS), MonotonicClock),
        }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts one request of a client.
    pub(super) fn take(&self, client: u128) -> Standing {
        if self.limiter.len() >= MAX_CLIENTS {
            self.limiter.retain_recent();
        }
        let found = self.limiter.check_key(&client);
        let (quota, remaining, wait) = match &found {
            Ok(state) => (state.quota(), state.remaining_burst_capacity(), None),
            Err(not) => {
                let wait = not.wait_time_from(self.limiter.clock().now());
                (not.quota(), 0, Some(seconds(wait).max(1)))
            }
        };
        let burst = quota.burst_size().get();
        let used = burst.saturating_sub(remaining);
        Standing {
            name: self.name,
            quota: burst,
            window: seconds(quota.burst_size_replenished_in()).max(1),
            remaining,
            reset: seconds(quota.replenish_interval() * used),
            wait,
        }
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The clients of one limit, but never more than so many: when there is no room
/// for a client that is new, it shares one place with all others like it.
struct Bounded {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clients: HashMap<u128, Nanos>,
    others: Option<Nanos>,
}

impl Bounded {
    fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }
}

impl StateStore for Bounded {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, client: &u128, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.clients.get(client).copied();
        if known.is_none() && state.clients.len() >= self.most {
            let (found, next) = measure(state.others)?;
            state.others = Some(next);
            return Ok(found);
        }
        let (found, next) = measure(known)?;
        state.clients.insert(*client, next);
        Ok(found)
    }
}

impl ShrinkableKeyedStateStore<u128> for Bounded {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clients.retain(|_, next| *next > drop_below);
    }

    fn len(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clients.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So slow that nothing comes back while a test runs.
    const SLOW: Rate = Rate {
        per_minute: 1,
        burst: 3,
    };

    #[test]
    fn a_client_uses_its_quota_up_and_no_other() {
        let bucket = Bucket::new("user", SLOW);
        let left: Vec<_> = (0..4).map(|_| bucket.take(1)).collect();
        assert_eq!(
            left.iter().map(|left| left.remaining).collect::<Vec<_>>(),
            [2, 1, 0, 0]
        );
        assert!(left[..3].iter().all(|left| left.wait.is_none()));
        let refused = left[3];
        assert_eq!((refused.quota, refused.window), (3, 180));
        assert!(
            refused.wait.is_some_and(|wait| (1..=60).contains(&wait)),
            "{refused:?}"
        );
        assert!((61..=180).contains(&refused.reset), "{refused:?}");
        assert_eq!(bucket.take(2).wait, None);
    }

    #[test]
    fn clients_without_room_share_a_place() {
        let store = Bounded::new(2);
        let count = |before: Option<Nanos>| -> Result<(u64, Nanos), ()> {
            let before = before.map_or(0, Nanos::as_u64);
            Ok((before, Nanos::new(before + 1)))
        };
        let take = |client| store.measure_and_replace(&client, count).unwrap();
        assert_eq!(
            [take(1), take(1), take(2), take(3), take(4), take(1)],
            [0, 1, 0, 0, 1, 2]
        );
        assert_eq!(store.len(), 2);
        store.retain_recent(Nanos::new(1));
        assert_eq!(store.len(), 1);
        assert_eq!(store.measure_and_replace(&3, count), Ok(0));
    }

    #[test]
    fn every_rate_that_can_be_set_makes_a_limit() {
        for (per_minute, burst) in [(1, 1), (60_000_000, 1_000_000), (1, 1_000_000), (0, 0)] {
            let bucket = Bucket::new("user", Rate { per_minute, burst });
            let taken = bucket.take(1);
            assert_eq!(taken.wait, None);
            assert_eq!(taken.quota, burst.max(1));
        }
    }
}
