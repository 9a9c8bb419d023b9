//! Which rows of a long table are drawn: those in view and some around them.

use std::ops::Range;

/// From how many rows on only those in view are drawn.
pub const LONG: usize = 100;
/// How many rows are drawn above and below those in view, so that none is missing
/// while somebody scrolls.
const SPARE: usize = 16;
/// Rows come and go so many at once: not with each step of a wheel.
const STEP: usize = 16;

/// The rows that are drawn when `fits` rows from `first` on are in view, of `count`.
#[must_use]
pub fn window(first: usize, fits: usize, count: usize) -> Range<usize> {
    if count <= LONG {
        return 0..count;
    }
    let begin = first.min(count).saturating_sub(SPARE) / STEP * STEP;
    let end = first.saturating_add(fits).saturating_add(SPARE);
    begin..end.div_ceil(STEP).saturating_mul(STEP).min(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_table_is_drawn_whole() {
        assert_eq!(window(7, 3, LONG), 0..LONG);
    }

    #[test]
    fn a_step_of_a_wheel_draws_nothing_anew() {
        assert_eq!(window(1_000, 20, 5_000), window(1_001, 20, 5_000));
    }

    proptest! {
        #[test]
        fn all_that_is_in_view_is_drawn_and_little_else(first in 0usize..9_000, fits in 0usize..90, count in 0usize..6_000) {
            let drawn = window(first, fits, count);
            prop_assert!(drawn.start <= drawn.end && drawn.end <= count);
            for row in (first..first + fits).filter(|row| *row < count) {
                prop_assert!(drawn.contains(&row));
            }
            prop_assert!(drawn.len() <= LONG.max(fits + 2 * (SPARE + STEP)));
        }
    }
}
