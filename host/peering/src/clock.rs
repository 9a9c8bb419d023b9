//! How far a host's clock is from its leader's. It is measured to be shown, and
//! to reckon in the leader's time (when to renew a leaf, say); nothing is
//! refused for it.

use std::time::Duration as Elapsed;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// From how much on people are told that a clock is wrong: less is what hosts
/// without a time server have after a few days, and what nobody notices.
pub const NOTABLE: Duration = Duration::seconds(5);

/// The difference between two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// What to add to the time here to have the leader's.
    pub offset: Duration,
    /// How much the offset may be wrong, either way: half of the round trip.
    pub uncertainty: Duration,
}

impl Skew {
    /// From one question to the leader: asked at `sent` by the clock here, the
    /// answer bears the leader's time `theirs`, and came after `round_trip`,
    /// which is measured without a clock that can be set.
    pub fn measure(sent: OffsetDateTime, round_trip: Elapsed, theirs: OffsetDateTime) -> Self {
        let uncertainty = Duration::try_from(round_trip / 2).unwrap_or(Duration::MAX);
        Self {
            offset: (theirs - sent).saturating_sub(uncertainty),
            uncertainty,
        }
    }

    /// The leader's time, when it is `here` by the clock here.
    pub fn leader_time(&self, here: OffsetDateTime) -> OffsetDateTime {
        here.saturating_add(self.offset)
    }

    /// Whether the clocks differ by more than [`NOTABLE`], whatever the
    /// measurement may be wrong by.
    pub fn is_notable(&self) -> bool {
        self.offset.unsigned_abs() > NOTABLE.unsigned_abs() + self.uncertainty.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_true_offset_is_within_the_uncertainty(
            here in 0i64..4_000_000_000,
            offset in -2_000_000_000i64..2_000_000_000,
            there in 0u64..90_000,
            back in 0u64..90_000,
        ) {
            let here = OffsetDateTime::from_unix_timestamp(here).unwrap();
            let offset = Duration::seconds(offset);
            let theirs = here + offset + Elapsed::from_millis(there);
            let skew = Skew::measure(here, Elapsed::from_millis(there + back), theirs);
            let wrong = (skew.offset - offset).unsigned_abs();
            prop_assert!(wrong <= skew.uncertainty.unsigned_abs());
            let error = (skew.leader_time(here) - (here + offset)).unsigned_abs();
            prop_assert!(error <= skew.uncertainty.unsigned_abs());
            if offset.unsigned_abs() <= NOTABLE.unsigned_abs() {
                prop_assert!(!skew.is_notable());
            }
        }
    }

    #[test]
    fn a_slow_line_is_no_wrong_clock() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let slow = Skew::measure(now, Elapsed::from_secs(30), now + Duration::seconds(29));
        assert!(!slow.is_notable());
        let wrong = Skew::measure(now, Elapsed::from_millis(3), now - Duration::days(3));
        assert!(wrong.is_notable());
    }

    #[test]
    fn nothing_overflows() {
        let first = OffsetDateTime::UNIX_EPOCH.replace_year(-9_999).unwrap();
        let last = OffsetDateTime::UNIX_EPOCH.replace_year(9_999).unwrap();
        let skew = Skew::measure(first, Elapsed::MAX, last);
        let _ = (skew.is_notable(), skew.leader_time(last));
        let skew = Skew::measure(last, Elapsed::ZERO, first);
        let _ = (skew.is_notable(), skew.leader_time(first));
    }
}
