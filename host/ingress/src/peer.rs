//! Another host of the group that runs instances, as every worker sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustls::ClientConfig;
use uuid::Uuid;

/// How long a host that has failed gets nothing, the first time. Doubles with
/// each failure that follows.
const FIRST_REST: Duration = Duration::from_millis(500);
/// The longest rest. After it, one request tries whether the host is back.
const LONGEST_REST: Duration = Duration::from_secs(15);

/// A host that runs instances, and how it is reached. A new address or a new
/// certificate makes a new one.
pub struct Peer {
    /// The host.
    pub id: Uuid,
    /// Its name.
    pub name: Arc<str>,
    /// Where it listens for its peers, as `host:port`, the best first.
    pub addresses: Vec<String>,
    /// How it is dialled, and recognised.
    pub tls: Arc<ClientConfig>,
    /// Since when the times below count.
    born: Instant,
    /// Failures in a row.
    failures: AtomicU32,
    /// Until when it gets nothing, in milliseconds since `born`; 0 if it is well.
    rests_until: AtomicU64,
}

impl Peer {
    /// A host of which nothing bad is known.
    #[must_use]
    pub fn new(id: Uuid, name: &str, addresses: Vec<String>, tls: Arc<ClientConfig>) -> Self {
        Self {
            id,
            name: Arc::from(name),
            addresses,
            tls,
            born: Instant::now(),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
        }
    }

    /// Whether it gets requests. A host whose rest is over gets one that tries
    /// it; the others wait for what comes of that.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open_at(self.now())
    }

    fn is_open_at(&self, now: u64) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        now >= until && {
            let probing = now + millis(self.rest());
            self.rests_until
                .compare_exchange(until, probing, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        }
    }

    /// It has answered.
    pub(crate) fn succeeded(&self) {
        if self.failures.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!(host = %self.name, "the host gets requests again");
        }
        self.rests_until.store(0, Ordering::Relaxed);
    }

    /// It could not be reached, or broke off.
    pub(crate) fn failed(&self, why: &str) {
        let rest = self.rest();
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(host = %self.name, why, "the host gets no requests for now");
        }
        self.rests_until
            .store(self.now() + millis(rest), Ordering::Relaxed);
    }

    fn rest(&self) -> Duration {
        let doublings = self.failures.load(Ordering::Relaxed).min(5);
        (FIRST_REST * (1 << doublings)).min(LONGEST_REST)
    }

    fn now(&self) -> u64 {
        // 0 means that it is well.
        millis(self.born.elapsed()).max(1)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, atomic::Ordering};

    use rustls::{ClientConfig, RootCertStore, crypto::ring};
    use uuid::Uuid;

    use super::Peer;

    /// A host that nobody can dial.
    pub(crate) fn peer(number: u128) -> Arc<Peer> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let id = Uuid::from_u128(number);
        Arc::new(Peer::new(id, "other", Vec::new(), Arc::new(tls)))
    }

    #[test]
    fn a_host_that_fails_rests_and_is_tried_by_one() {
        let peer = peer(1);
        assert!(peer.is_open());
        peer.failed("it is gone");
        let until = peer.rests_until.load(Ordering::Relaxed);
        assert!(!peer.is_open_at(until - 1));
        assert!(peer.is_open_at(until), "somebody tries it");
        assert!(!peer.is_open_at(until), "and nobody else");
        peer.succeeded();
        assert!(peer.is_open() && peer.is_open());
    }
}
