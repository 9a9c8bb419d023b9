//! Spaces out the restarts of instances that crash again and again.

use std::collections::BTreeMap;

use muster_sdk::dea::{Instance, Release, Snapshot, State};

/// The pause after a first crash, in milliseconds. Each further one doubles it.
pub const FIRST_PAUSE: u64 = 1_000;
/// The longest pause.
pub const LONGEST_PAUSE: u64 = 300_000;
/// How long an instance must run for its earlier crashes to be forgotten.
pub const HEALTHY_AFTER: u64 = 60_000;

/// One place of an app: where an instance runs and is started again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The app's id.
    pub app: String,
    /// The release.
    pub release: Release,
    /// The index among the app's instances.
    pub index: u32,
}

impl Place {
    /// The place of an instance.
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        Self {
            app: instance.app.clone(),
            release: instance.release,
            index: instance.index,
        }
    }
}

#[derive(Debug)]
struct Crash {
    /// The instance that crashed last, so that none is counted twice.
    instance: String,
    /// The pause before its place is used again.
    pause: u64,
    /// When that pause ends, on the snapshots' clock.
    retry_at: u64,
    /// Since when the instance after it runs.
    running_since: Option<u64>,
}

/// The crashes that still matter.
#[derive(Debug, Default)]
pub struct Crashes {
    last: BTreeMap<Place, Crash>,
}

impl Crashes {
    /// Takes in what a snapshot shows of the places that are `kept`, and
    /// forgets all others.
    pub fn observe(&mut self, snapshot: &Snapshot, kept: impl Fn(&Place) -> bool) {
        self.last.retain(|place, _| kept(place));
        for instance in &snapshot.instances {
            let place = Place::of(instance);
            let entered = snapshot.now_ms.saturating_sub(instance.since_ms);
            match instance.state {
                State::Crashed if kept(&place) => self.crashed(place, instance, entered),
                State::Running if instance.since_ms >= HEALTHY_AFTER => {
                    self.last.remove(&place);
                }
                State::Running => {
                    if let Some(crash) = self.last.get_mut(&place) {
                        crash.running_since = Some(entered);
                    }
                }
                State::Crashed | State::Starting | State::Stopping => {}
            }
        }
    }

    /// How long the place must still be left alone, in milliseconds; 0 if it
    /// may be used.
    #[must_use]
    pub fn pause(&self, place: &Place, now: u64) -> u64 {
        self.last
            .get(place)
            .map_or(0, |crash| crash.retry_at.saturating_sub(now))
    }

    fn crashed(&mut self, place: Place, instance: &Instance, at: u64) {
        let pause = match self.last.get(&place) {
            Some(crash) if crash.instance == instance.id => return,
            Some(Crash {
                running_since: Some(since),
                ..
            }) if at.saturating_sub(*since) >= HEALTHY_AFTER => FIRST_PAUSE,
            Some(crash) => (crash.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let crash = Crash {
            instance: instance.id.clone(),
            pause,
            retry_at: at + pause,
            running_since: None,
        };
        self.last.insert(place, crash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            app: "a".to_owned(),
            release: 1,
            index: 0,
        }
    }

    fn seen(now_ms: u64, id: &str, state: State, since_ms: u64) -> Snapshot {
        let Place {
            app,
            release,
            index,
        } = place();
        let instance = Instance {
            id: id.to_owned(),
            app,
            release,
            index,
            state,
            since_ms,
            reason: None,
        };
        Snapshot {
            now_ms,
            evacuating: false,
            desired: vec![],
            instances: vec![instance],
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut crashes = Crashes::default();
        let mut pauses = vec![];
        for crash in 0..11 {
            let now = crash * 1_000_000;
            crashes.observe(&seen(now, &format!("i{crash}"), State::Crashed, 0), |_| {
                true
            });
            pauses.push(crashes.pause(&place(), now) / 1000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_crash_that_is_seen_again_is_the_same_crash() {
        let mut crashes = Crashes::default();
        crashes.observe(&seen(5_000, "i", State::Crashed, 200), |_| true);
        assert_eq!(crashes.pause(&place(), 5_000), 800);
        crashes.observe(&seen(5_500, "i", State::Crashed, 700), |_| true);
        assert_eq!(crashes.pause(&place(), 5_500), 300);
        assert_eq!(crashes.pause(&place(), 6_000), 0);
    }

    #[test]
    fn who_ran_long_enough_starts_over_with_the_first_pause() {
        for (ran, pause) in [
            (HEALTHY_AFTER - 1, 2 * FIRST_PAUSE),
            (HEALTHY_AFTER, FIRST_PAUSE),
        ] {
            let mut crashes = Crashes::default();
            crashes.observe(&seen(0, "i", State::Crashed, 0), |_| true);
            crashes.observe(&seen(10_000, "j", State::Running, 0), |_| true);
            let end = 10_000 + ran;
            crashes.observe(&seen(end, "j", State::Crashed, 0), |_| true);
            assert_eq!(crashes.pause(&place(), end), pause);
        }
    }

    #[test]
    fn a_healthy_run_and_a_place_that_is_not_kept_are_forgotten() {
        let mut crashes = Crashes::default();
        crashes.observe(&seen(0, "i", State::Crashed, 0), |_| true);
        crashes.observe(&seen(90_000, "j", State::Running, HEALTHY_AFTER), |_| true);
        assert!(crashes.last.is_empty());
        crashes.observe(&seen(100_000, "k", State::Crashed, 0), |_| true);
        crashes.observe(&seen(100_000, "k", State::Crashed, 0), |_| false);
        assert!(crashes.last.is_empty());
    }
}
