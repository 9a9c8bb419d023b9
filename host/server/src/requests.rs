//! How many requests an app had, how many failed and how long they took: in memory, a
//! short stretch of time after the other, for an hour.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use muster_api::{logs::Line, metrics::Stretch};
use muster_ingress::Access;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::http::metrics::SECONDS;

/// How many seconds a stretch has.
pub(crate) const STRETCH: u32 = 10;
/// How many stretches are kept.
pub(crate) const KEPT: usize = 360;
/// Times go by the bounds that the host's metrics have, and those that are beyond all
/// of them.
const CLASSES: usize = SECONDS.len() + 1;

/// The requests of one app.
#[derive(Default)]
pub(crate) struct Requests(Mutex<VecDeque<Tally>>);

/// The requests that ended in one stretch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many stretches there were before it since 1970.
    number: u64,
    requests: u32,
    failed: u32,
    /// How many took at most as long as each bound, and longer than the one before.
    took: [u32; CLASSES],
    host: Option<String>,
}

impl Requests {
    /// Counts a request that has ended.
    pub(crate) fn add(&self, access: &Access) {
        let number = number(access.began + access.took);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is ahead by more than a moment was counted while the clock was wrong.
        while kept.back().is_some_and(|last| last.number > number + 1) {
            kept.pop_back();
        }
        if kept.back().is_none_or(|last| last.number < number) {
            kept.push_back(Tally::new(number));
            // The one that is not over yet comes beside those that are shown.
            let first = number.saturating_sub(KEPT as u64);
            while kept.front().is_some_and(|tally| tally.number < first) {
                kept.pop_front();
            }
        }
        if let Some(last) = kept.back_mut() {
            last.add(access.status, access.took);
        }
    }

    /// All that is kept, oldest first.
    pub(crate) fn kept(&self) -> Vec<Tally> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

impl Tally {
    fn new(number: u64) -> Self {
        Self {
            number,
            requests: 0,
            failed: 0,
            took: [0; CLASSES],
            host: None,
        }
    }

    fn add(&mut self, status: u16, took: Duration) {
        let took = took.as_secs_f64();
        let class = SECONDS.partition_point(|bound| *bound < took);
        self.requests = self.requests.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(status >= 500));
        self.took[class] = self.took[class].saturating_add(1);
    }
}

impl Line for Tally {
    fn sequence(&self) -> u64 {
        self.number
    }

    fn time(&self) -> OffsetDateTime {
        begin(self.number)
    }

    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn set_host(&mut self, host: Option<&str>) {
        self.host = host.map(str::to_owned);
    }
}

/// The stretches that are over at a moment, with those of several hosts added up.
pub(crate) fn over(tallies: Vec<Tally>, now: SystemTime) -> (OffsetDateTime, Vec<Stretch>) {
    let current = number(now);
    let mut all: BTreeMap<u64, Sum> = BTreeMap::new();
    for tally in tallies {
        let is_shown = tally.number < current && tally.number + KEPT as u64 >= current;
        if is_shown {
            all.entry(tally.number).or_default().add(&tally);
        }
    }
    let stretches = all.into_iter().map(|(number, sum)| sum.stretch(number));
    (begin(current), stretches.collect())
}

#[derive(Default)]
struct Sum {
    requests: u64,
    failed: u64,
    took: [u64; CLASSES],
}

impl Sum {
    fn add(&mut self, tally: &Tally) {
        self.requests += u64::from(tally.requests);
        self.failed += u64::from(tally.failed);
        for (sum, count) in self.took.iter_mut().zip(tally.took) {
            *sum += u64::from(count);
        }
    }

    fn stretch(&self, number: u64) -> Stretch {
        Stretch {
            at: begin(number),
            requests: self.requests,
            failed: self.failed,
            median_micros: self.quantile(0.5),
            p95_micros: self.quantile(0.95),
        }
    }

    /// How long the fastest of that share took at most, as if times were spread evenly
    /// between two bounds; in microseconds.
    fn quantile(&self, share: f64) -> u64 {
        let wanted = share * self.requests as f64;
        let (mut before, mut lower) = (0.0, 0.0);
        for (class, count) in self.took.iter().enumerate() {
            let count = *count as f64;
            // Nobody knows how far beyond the last bound it was.
            let upper = SECONDS.get(class).copied().unwrap_or(lower);
            if count > 0.0 && before + count >= wanted {
                let seconds = lower + (upper - lower) * ((wanted - before) / count);
                return (seconds * 1e6).round() as u64;
            }
            before += count;
            lower = upper;
        }
        0
    }
}

fn number(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / u64::from(STRETCH)
}

fn begin(number: u64) -> OffsetDateTime {
    let since = Duration::from_secs(number.saturating_mul(u64::from(STRETCH)));
    OffsetDateTime::UNIX_EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn access(ended: u64, status: u16, millis: u64) -> Access {
        let took = Duration::from_millis(millis);
        Access {
            began: at(ended) - took,
            app_id: "shop".into(),
            app: "shop".into(),
            instance: None,
            request: "1".into(),
            method: http::Method::GET,
            path: "/".to_owned(),
            status,
            bytes: 0,
            took,
            refusal: None,
        }
    }

    #[test]
    fn requests_count_where_they_end_and_what_goes_on_is_left_out() {
        let requests = Requests::default();
        for (ended, status) in [(1_000, 200), (1_009, 503), (1_010, 404), (1_021, 200)] {
            requests.add(&access(ended, status, 3));
        }
        let (until, stretches) = over(requests.kept(), at(1_025));
        assert_eq!(until.unix_timestamp(), 1_020);
        let seen: Vec<_> = stretches
            .iter()
            .map(|it| (it.at.unix_timestamp(), it.requests, it.failed))
            .collect();
        assert_eq!(seen, [(1_000, 2, 1), (1_010, 1, 0)]);
    }

    #[test]
    fn an_hour_is_kept() {
        let requests = Requests::default();
        let seconds = u64::from(STRETCH);
        let last = 3 * KEPT as u64;
        for number in 0..=last {
            requests.add(&access(number * seconds, 200, 1));
        }
        assert_eq!(requests.kept().len(), KEPT + 1);
        let (_, stretches) = over(requests.kept(), at((last + 1) * seconds));
        assert_eq!(stretches.len(), KEPT);
        let later = at((2 * last) * seconds);
        assert!(over(requests.kept(), later).1.is_empty());
    }

    #[test]
    fn what_was_counted_while_the_clock_was_ahead_is_forgotten() {
        let requests = Requests::default();
        for ended in [1_000, 90_000, 1_012, 1_009, 1_025] {
            requests.add(&access(ended, 200, 1));
        }
        let (_, stretches) = over(requests.kept(), at(1_030));
        let seen: Vec<_> = stretches
            .iter()
            .map(|it| (it.at.unix_timestamp(), it.requests))
            .collect();
        // The hour before went when the clock was ahead. One that ended a moment before
        // another and is told after it counts with that.
        assert_eq!(seen, [(1_010, 2), (1_020, 1)]);
    }

    #[test]
    fn hosts_are_added_up_and_times_lie_between_their_bounds() {
        let (here, there) = (Requests::default(), Requests::default());
        for _ in 0..90 {
            here.add(&access(1_000, 200, 2));
        }
        for _ in 0..10 {
            there.add(&access(1_003, 200, 400));
        }
        let tallies = [here.kept(), there.kept()].concat();
        let (_, stretches) = over(tallies, at(1_010));
        let [stretch] = stretches.as_slice() else {
            panic!("{stretches:?}");
        };
        assert_eq!(stretch.requests, 100);
        assert!(
            (1_000..=2_500).contains(&stretch.median_micros),
            "{stretch:?}"
        );
        assert!(
            (250_000..=500_000).contains(&stretch.p95_micros),
            "{stretch:?}"
        );
    }

    #[test]
    fn what_took_longest_counts_as_the_last_bound() {
        let requests = Requests::default();
        requests.add(&access(1_000, 200, 120_000));
        let (_, stretches) = over(requests.kept(), at(1_010));
        assert_eq!(stretches[0].median_micros, 30_000_000);
    }
}
