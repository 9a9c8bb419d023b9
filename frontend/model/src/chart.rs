//! Charts, as far as they need no browser: from what was counted to points.

use std::fmt::Write;

use muster_api::metrics::{AppMetrics, Stretch};

/// How many stretches an hour has.
const HOUR: u32 = 3_600;

/// A value for each stretch of the last hour, oldest first. `empty` is the value of a
/// stretch in which no request ended; nothing if it has none.
#[must_use]
pub fn values(
    metrics: &AppMetrics,
    empty: Option<f64>,
    of: impl Fn(&Stretch) -> f64,
) -> Vec<Option<f64>> {
    let length = i64::from(metrics.stretch_seconds.max(1));
    let count = HOUR.div_ceil(metrics.stretch_seconds.max(1)) as usize;
    let mut all = vec![empty; count];
    let end = metrics.until.unix_timestamp();
    for stretch in &metrics.stretches {
        let ago = (end - stretch.at.unix_timestamp()) / length;
        let place = usize::try_from(ago)
            .ok()
            .and_then(|ago| count.checked_sub(ago));
        if let Some(value) = place.and_then(|place| all.get_mut(place)) {
            *value = Some(of(stretch));
        }
    }
    all
}

/// The largest of values; 0 if there is none.
#[must_use]
pub fn largest(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

/// Where an axis ends that shows values up to the largest one: 1, 2 or 5, times a power
/// of ten.
#[must_use]
pub fn top(largest: f64) -> f64 {
    if largest <= 0.0 || !largest.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(largest.log10().floor());
    let ends = [1.0, 2.0, 5.0, 10.0].map(|end| end * power);
    ends.into_iter()
        .find(|end| *end >= largest)
        .unwrap_or(10.0 * power)
}

/// A line through the values as the path of an SVG of this size; it breaks off where
/// there is none.
#[must_use]
pub fn path(values: &[Option<f64>], top: f64, width: f64, height: f64) -> String {
    let step = width / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut drawn = false;
    for (place, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawn = false;
            continue;
        };
        let (x, y) = (place as f64 * step, height * (1.0 - (value / top).min(1.0)));
        let command = if drawn { 'L' } else { 'M' };
        // A point alone is a line of no length, which a round end makes seen.
        let alone = !drawn && values.get(place + 1).is_none_or(Option::is_none);
        let dot = if alone { "h0" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(path, "{command}{x:.1} {y:.1}{dot}");
        drawn = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;

    fn metrics(ago: &[i64]) -> AppMetrics {
        let until = OffsetDateTime::UNIX_EPOCH + Duration::hours(9);
        let stretch = |ago: &i64| Stretch {
            at: until - Duration::seconds(*ago),
            requests: 20,
            failed: 1,
            median_micros: 500,
            p95_micros: 900,
        };
        AppMetrics {
            stretch_seconds: 10,
            until,
            stretches: ago.iter().map(stretch).collect(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn each_stretch_has_its_place() {
        let all = values(&metrics(&[3_600, 10]), Some(0.0), |it| it.requests as f64);
        assert_eq!(all.len(), 360);
        assert_eq!(
            (all[0], all[1], all[359]),
            (Some(20.0), Some(0.0), Some(20.0))
        );
        assert_eq!(largest(&all), 20.0);
        // What is too old, or of a clock that goes ahead, has none.
        let none = values(&metrics(&[3_610, 0, -10]), None, |it| it.requests as f64);
        assert!(none.iter().all(Option::is_none));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (largest, end) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (3.0, 5.0),
            (7.0, 10.0),
            (120.0, 200.0),
            (f64::NAN, 1.0),
        ] {
            assert!(
                (top(largest) - end).abs() < 1e-9,
                "{largest}: {}",
                top(largest)
            );
        }
    }

    #[test]
    fn lines_break_off_where_nothing_is() {
        let values = [Some(0.0), Some(5.0), None, Some(10.0), None];
        let drawn = path(&values, 10.0, 40.0, 100.0);
        assert_eq!(drawn, "M0.0 100.0L10.0 50.0M30.0 0.0h0");
        assert_eq!(path(&[], 1.0, 40.0, 100.0), "");
        assert_eq!(path(&[Some(1.0)], 1.0, 40.0, 100.0), "M0.0 0.0h0");
    }
}
