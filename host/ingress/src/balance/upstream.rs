//! One router as all workers of a load balancer see it.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use metrics::Counter;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use uuid::Uuid;

use super::terms::{Check, Terms};
use crate::{
    connection::Connection,
    pool::{CONNECT, Far, tuned},
};

/// The longest rest. After it, one request tries whether the upstream is back.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A router, and how it does. Another address makes another one.
pub struct Upstream {
    /// Its host.
    pub(super) id: Uuid,
    /// Its name.
    pub(super) name: Arc<str>,
    /// Where it is reached, as `host:port`, the best first.
    pub(super) addresses: Vec<String>,
    born: Instant,
    in_flight: AtomicU32,
    /// Whether the checks have found it unwell.
    unwell: AtomicBool,
    /// Whether the last check went wrong: it is not tried after a rest then.
    doubtful: AtomicBool,
    /// Answers to checks in a row that say otherwise.
    against: AtomicU32,
    /// Failures in a row.
    failures: AtomicU32,
    /// How often it has been put to rest in a row.
    rests: AtomicU32,
    /// Until when it rests, in milliseconds since `born`; 0 if it does not.
    rests_until: AtomicU64,
    served: AtomicU64,
    failed: AtomicU64,
    last: Mutex<Option<LastFailure>>,
    meters: Meters,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    /// When.
    pub at: SystemTime,
    /// What.
    pub what: String,
}

/// How an upstream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It gets requests.
    Up,
    /// It has failed several in a row and rests.
    Resting,
    /// Checks say that it is unwell.
    Down,
    /// It gets nothing new.
    Draining,
    /// It cannot be reached from here at all.
    OutOfReach,
}

/// An upstream's metrics, looked up once.
struct Meters {
    statuses: [Counter; 6],
    failures: Counter,
}

impl Upstream {
    /// A router of which nothing bad is known.
    pub(super) fn new(id: Uuid, name: &str, addresses: Vec<String>) -> Self {
        let class = |class: usize| metrics::counter!("muster_load_balancer_requests_total", "upstream" => name.to_owned(), "status" => format!("{class}xx"));
        Self {
            id,
            name: Arc::from(name),
            addresses,
            born: Instant::now(),
            in_flight: AtomicU32::new(0),
            unwell: AtomicBool::new(false),
            doubtful: AtomicBool::new(false),
            against: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            rests: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            served: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last: Mutex::default(),
            meters: Meters {
                statuses: std::array::from_fn(class),
                failures: metrics::counter!("muster_load_balancer_failures_total", "upstream" => name.to_owned()),
            },
        }
    }

    /// How many requests it has under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many it has answered, and how many it has failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.served), count(&self.failed))
    }

    pub(super) fn last_failure(&self) -> Option<LastFailure> {
        self.lock_last().clone()
    }

    /// How it is, whatever is wanted of it.
    pub(super) fn condition(&self) -> Condition {
        if self.unwell.load(Ordering::Relaxed) {
            Condition::Down
        } else if self.rests_until.load(Ordering::Relaxed) > 0 {
            Condition::Resting
        } else {
            Condition::Up
        }
    }

    /// Whether it may get a request; the `last` resort may even if it rests.
    pub(super) fn may_serve(&self, last: bool) -> bool {
        if self.unwell.load(Ordering::Relaxed) {
            return false;
        }
        let until = self.rests_until.load(Ordering::Relaxed);
        until == 0 || last || (!self.doubtful.load(Ordering::Relaxed) && self.now() >= until)
    }

    /// Takes a request. False if it rests, or somebody else is just trying
    /// whether its rest has helped.
    pub(super) fn admit(&self, last: bool, terms: &Terms) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        if until == 0 || last {
            return true;
        }
        let now = self.now();
        !self.doubtful.load(Ordering::Relaxed) && now >= until && {
            let probing = now + millis(self.rest(terms));
            self.rests_until
                .compare_exchange(until, probing, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        }
    }

    /// It has answered a request.
    pub(super) fn answered(&self, status: u16) {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.meters.statuses[usize::from(status / 100).min(5)].increment(1);
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.rests_until.load(Ordering::Relaxed) > 0 {
            self.rests.store(0, Ordering::Relaxed);
            self.rests_until.store(0, Ordering::Relaxed);
            tracing::info!(upstream = %self.name, "the upstream gets requests again");
        }
    }

    /// It could not be reached, broke off or kept silent.
    pub(super) fn failed(&self, why: &str, terms: &Terms) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.meters.failures.increment(1);
        self.note(why);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if terms.failures == 0 || failures < terms.failures {
            return;
        }
        let rest = self.rest(terms);
        self.rests.fetch_add(1, Ordering::Relaxed);
        let until = self.now() + millis(rest);
        if self.rests_until.swap(until, Ordering::Relaxed) == 0 {
            tracing::warn!(upstream = %self.name, why, "the upstream gets no requests for now");
            metrics::counter!("muster_load_balancer_ejections_total", "upstream" => self.name.to_string()).increment(1);
        }
    }

    /// What a check has shown.
    pub(super) fn checked(&self, found: Result<(), String>, check: &Check) {
        let unwell = self.unwell.load(Ordering::Relaxed);
        self.doubtful.store(found.is_err(), Ordering::Relaxed);
        if let Err(why) = &found {
            self.note(why);
        }
        if found.is_err() == unwell {
            self.against.store(0, Ordering::Relaxed);
            return;
        }
        let against = self.against.fetch_add(1, Ordering::Relaxed) + 1;
        let enough = if unwell { check.good } else { check.bad };
        if against < enough {
            return;
        }
        self.against.store(0, Ordering::Relaxed);
        self.unwell.store(!unwell, Ordering::Relaxed);
        match found {
            Ok(()) => {
                // Whatever it did before it was seen to be well counts no more.
                self.failures.store(0, Ordering::Relaxed);
                self.rests.store(0, Ordering::Relaxed);
                self.rests_until.store(0, Ordering::Relaxed);
                tracing::info!(upstream = %self.name, "the upstream is well again");
            }
            Err(why) => {
                tracing::warn!(upstream = %self.name, why, "checks find the upstream unwell");
            }
        }
    }

    /// Nobody checks it any more.
    pub(super) fn unchecked(&self) {
        self.against.store(0, Ordering::Relaxed);
        self.doubtful.store(false, Ordering::Relaxed);
        self.unwell.store(false, Ordering::Relaxed);
    }

    fn rest(&self, terms: &Terms) -> Duration {
        let doublings = self.rests.load(Ordering::Relaxed).min(10);
        terms
            .rest
            .saturating_mul(1 << doublings)
            .min(LONGEST_REST.max(terms.rest))
    }

    fn note(&self, what: &str) {
        *self.lock_last() = Some(LastFailure {
            at: SystemTime::now(),
            what: what.to_owned(),
        });
    }

    fn lock_last(&self) -> MutexGuard<'_, Option<LastFailure>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        // 0 means that it does not rest.
        millis(self.born.elapsed()).max(1)
    }
}

impl Far for Upstream {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn connect(&self, preface: &[u8]) -> io::Result<Connection> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            let dialled = async {
                let mut stream = tuned(TcpStream::connect(address).await?)?;
                stream.write_all(preface).await?;
                Connection::in_turn(stream).await
            };
            match timeout(CONNECT, dialled).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(last)
    }
}

/// A request that an upstream has under way.
pub(super) struct Busy(Arc<Upstream>);

impl Busy {
    pub(super) fn new(upstream: &Arc<Upstream>) -> Self {
        upstream.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(upstream))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream() -> Upstream {
        Upstream::new(Uuid::from_u128(1), "one", vec!["127.0.0.1:1".to_owned()])
    }

    #[test]
    fn who_fails_several_times_rests_and_is_tried_by_one() {
        let (upstream, terms) = (upstream(), Terms::default());
        for _ in 0..2 {
            upstream.failed("gone", &terms);
            assert!(upstream.may_serve(false), "less than three are forgiven");
        }
        upstream.failed("gone", &terms);
        assert_eq!(upstream.condition(), Condition::Resting);
        assert!(!upstream.may_serve(false) && !upstream.admit(false, &terms));
        assert!(upstream.may_serve(true) && upstream.admit(true, &terms));
        upstream.rests_until.store(1, Ordering::Relaxed);
        assert!(upstream.may_serve(false), "its rest is over");
        assert!(upstream.admit(false, &terms), "somebody tries it");
        assert!(!upstream.admit(false, &terms), "and nobody else");
        upstream.answered(200);
        assert_eq!(upstream.condition(), Condition::Up);
        assert_eq!(upstream.counts(), (1, 3));
    }

    #[test]
    fn an_answer_in_between_forgives() {
        let (upstream, terms) = (upstream(), Terms::default());
        for _ in 0..5 {
            upstream.failed("gone", &terms);
            upstream.answered(500);
        }
        assert_eq!(upstream.condition(), Condition::Up);
        let never = Terms {
            failures: 0,
            ..Terms::default()
        };
        (0..9).for_each(|_| upstream.failed("gone", &never));
        assert_eq!(upstream.condition(), Condition::Up);
    }

    #[test]
    fn rests_grow_up_to_a_bound() {
        let (upstream, terms) = (upstream(), Terms::default());
        assert_eq!(upstream.rest(&terms), Duration::from_secs(1));
        upstream.rests.store(2, Ordering::Relaxed);
        assert_eq!(upstream.rest(&terms), Duration::from_secs(4));
        upstream.rests.store(99, Ordering::Relaxed);
        assert_eq!(upstream.rest(&terms), LONGEST_REST);
    }

    #[test]
    fn checks_count_in_a_row() {
        let upstream = upstream();
        let check = Check {
            path: "/".to_owned(),
            every: Duration::from_secs(1),
            patience: Duration::from_secs(1),
            good: 2,
            bad: 3,
        };
        let bad = || Err("it says 503".to_owned());
        for found in [bad(), bad(), Ok(()), bad(), bad()] {
            upstream.checked(found, &check);
            assert_eq!(upstream.condition(), Condition::Up);
        }
        upstream.checked(bad(), &check);
        assert_eq!(upstream.condition(), Condition::Down);
        assert!(!upstream.may_serve(true), "not even as the last resort");
        for found in [Ok(()), bad(), Ok(())] {
            upstream.checked(found, &check);
            assert_eq!(upstream.condition(), Condition::Down);
        }
        upstream.checked(Ok(()), &check);
        assert_eq!(upstream.condition(), Condition::Up);
        assert_eq!(upstream.last_failure().unwrap().what, "it says 503");
    }

    #[test]
    fn requests_under_way_are_counted() {
        let upstream = Arc::new(upstream());
        let busy = [Busy::new(&upstream), Busy::new(&upstream)];
        assert_eq!(upstream.in_flight(), 2);
        drop(busy);
        assert_eq!(upstream.in_flight(), 0);
    }
}
