//! How long somebody must wait after wrong passwords. Pure: the caller keeps
//! how many failures there were in a row and when the last one was.

use std::time::Duration;

use muster_api::config::passwords::LockoutPolicy;
use time::OffsetDateTime;

/// Whether somebody may try now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Yes.
    Allowed,
    /// Not before this time, even with the right password: otherwise a pause
    /// would tell whether a guess was right.
    WaitUntil(OffsetDateTime),
}

/// What is kept of somebody's failures in a row. A success forgets them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last: Option<OffsetDateTime>,
}

impl Failures {
    /// Whether another attempt is allowed now. A last failure in the future
    /// (the clock was set back) counts as one just now, so that nobody waits
    /// longer than the longest pause.
    pub fn attempt(&self, policy: &LockoutPolicy, now: OffsetDateTime) -> Attempt {
        let Some(last) = self.last.map(|last| last.min(now)) else {
            return Attempt::Allowed;
        };
        let until = last.saturating_add(
            time::Duration::try_from(pause(self.count, policy)).unwrap_or(time::Duration::MAX),
        );
        if until > now && !self.forgotten(policy, now) {
            Attempt::WaitUntil(until)
        } else {
            Attempt::Allowed
        }
    }

    /// What is to be kept after one more failure.
    #[must_use]
    pub fn and_another(&self, policy: &LockoutPolicy, now: OffsetDateTime) -> Self {
        let before = if self.forgotten(policy, now) {
            0
        } else {
            self.count
        };
        Self {
            count: before.saturating_add(1),
            last: Some(now),
        }
    }

    fn forgotten(&self, policy: &LockoutPolicy, now: OffsetDateTime) -> bool {
        let forget_after = Duration::from(policy.forget_after);
        self.last.is_none_or(|last| now - last > forget_after)
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32, policy: &LockoutPolicy) -> Duration {
    if policy.failures == 0 || failures < policy.failures {
        return Duration::ZERO;
    }
    let doublings = failures - policy.failures;
    let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
    let pause = policy.first_pause.0.saturating_mul(factor);
    Duration::from_millis(pause.min(policy.longest_pause.0))
}

#[cfg(test)]
mod tests {
    use muster_api::units::Millis;
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn after(count: u32) -> Failures {
        Failures {
            count,
            last: Some(NOW),
        }
    }

    fn seconds(count: u32) -> Option<i64> {
        match after(count).attempt(&LockoutPolicy::default(), NOW) {
            Attempt::Allowed => None,
            Attempt::WaitUntil(until) => Some((until - NOW).whole_seconds()),
        }
    }

    #[test]
    fn the_first_failures_cost_nothing() {
        assert_eq!(
            Failures::default().attempt(&LockoutPolicy::default(), NOW),
            Attempt::Allowed
        );
        assert_eq!(seconds(4), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (5..=16).filter_map(seconds).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(seconds(u32::MAX), Some(900));
    }

    #[test]
    fn a_pause_ends() {
        let policy = LockoutPolicy::default();
        let Attempt::WaitUntil(until) = after(9).attempt(&policy, NOW) else {
            panic!("nine failures pause");
        };
        assert_eq!(after(9).attempt(&policy, until), Attempt::Allowed);
    }

    #[test]
    fn waiting_a_pause_out_earns_one_try_and_not_five() {
        let policy = LockoutPolicy::default();
        let later = NOW + Duration::from_secs(900);
        let next = after(20).and_another(&policy, later);
        assert_eq!(next.count, 21);
        assert_ne!(next.attempt(&policy, later), Attempt::Allowed);
    }

    #[test]
    fn after_a_quiet_day_counting_begins_anew() {
        let policy = LockoutPolicy::default();
        let later = NOW + Duration::from_secs(25 * 3_600);
        assert_eq!(after(20).and_another(&policy, later).count, 1);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_good() {
        let policy = LockoutPolicy::default();
        let future = Failures {
            count: 50,
            last: Some(NOW + Duration::from_secs(10 * 365 * 86_400)),
        };
        assert_eq!(
            future.attempt(&policy, NOW),
            Attempt::WaitUntil(NOW + Duration::from_secs(900))
        );
    }

    #[test]
    fn a_policy_of_no_pauses_has_none() {
        let policy = LockoutPolicy {
            failures: 0,
            ..LockoutPolicy::default()
        };
        assert_eq!(after(u32::MAX).attempt(&policy, NOW), Attempt::Allowed);
    }

    prop_compose! {
        fn policies()(
            failures in 1u32..20,
            first in 0u64..100_000,
            more in 0u64..10_000_000,
            forget in 0u64..100_000_000,
        ) -> LockoutPolicy {
            LockoutPolicy {
                failures,
                first_pause: Millis(first),
                longest_pause: Millis(first + more),
                forget_after: Millis(first + more + forget),
            }
        }
    }

    proptest! {
        #[test]
        fn more_failures_never_shorten_the_pause(policy in policies(), count in 0..u32::MAX) {
            prop_assert!(pause(count, &policy) <= pause(count + 1, &policy));
            prop_assert!(pause(count, &policy) <= Duration::from(policy.longest_pause));
        }

        #[test]
        fn once_allowed_waiting_longer_stays_allowed(
            policy in policies(), count: u32, waited in 0u64..1_000_000_000, more in 0u64..1_000_000_000,
        ) {
            let at = NOW + Duration::from_millis(waited);
            if after(count).attempt(&policy, at) == Attempt::Allowed {
                let later = at + Duration::from_millis(more);
                prop_assert_eq!(after(count).attempt(&policy, later), Attempt::Allowed);
            }
        }

        #[test]
        fn waiting_until_the_time_that_was_told_is_enough(policy in policies(), count: u32) {
            if let Attempt::WaitUntil(until) = after(count).attempt(&policy, NOW) {
                prop_assert!(until > NOW);
                prop_assert_eq!(after(count).attempt(&policy, until), Attempt::Allowed);
            }
        }

        #[test]
        fn any_numbers_are_survived(count: u32, first: u64, longest: u64, forget: u64, at in -377_705_116_800i64..253_402_300_799) {
            let policy = LockoutPolicy {
                failures: 1,
                first_pause: Millis(first),
                longest_pause: Millis(longest),
                forget_after: Millis(forget),
            };
            let failures = Failures {
                count,
                last: OffsetDateTime::from_unix_timestamp(at).ok(),
            };
            let _ = failures.attempt(&policy, NOW);
            let _ = failures.and_another(&policy, NOW);
        }
    }
}
