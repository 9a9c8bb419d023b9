//! How times, ages and sizes read.

use muster_api::units::{ByteSize, Millis};
use time::OffsetDateTime;

/// How much time lies between two moments, as people say it: `now`, `12 s`,
/// `3 min`, `5 h`, `2 d`.
#[must_use]
pub fn age(then: OffsetDateTime, now: OffsetDateTime) -> String {
    match (now - then).whole_seconds() {
        ..=0 => "0 s".to_owned(),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// What is left until a moment, as `1:59`; `0:00` afterwards.
#[must_use]
pub fn countdown(until: OffsetDateTime, now: OffsetDateTime) -> String {
    let left = (until - now).whole_seconds().max(0);
    format!("{}:{:02}", left / 60, left % 60)
}

/// A size with the unit that leaves the fewest digits, rounded: `1.5 GiB`.
#[must_use]
pub fn size(bytes: ByteSize) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes.0;
    let mut rest = 0;
    let mut unit = 0;
    while value >= 1_024 && unit + 1 < units.len() {
        rest = value % 1_024;
        value /= 1_024;
        unit += 1;
    }
    let tenth = rest * 10 / 1_024;
    if value < 10 && tenth > 0 {
        format!("{value}.{tenth} {}", units[unit])
    } else {
        format!("{value} {}", units[unit])
    }
}

/// A length of time with the largest unit that leaves no rest, as hosts read it:
/// `15m`, `1d`, `1500ms`.
#[must_use]
pub fn time(Millis(millis): Millis) -> String {
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    let fits = |(_, size): &&(&str, u64)| millis > 0 && millis.is_multiple_of(*size);
    match units.iter().find(fits) {
        Some((unit, size)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

/// Thousandths of a core as cores: `4`, `0.5`.
#[must_use]
pub fn cores(thousandths: u64) -> String {
    match thousandths % 1_000 {
        0 => (thousandths / 1_000).to_string(),
        rest => format!("{}.{}", thousandths / 1_000, rest / 100),
    }
}

/// A moment of a day, in UTC: `18:04:09`.
#[must_use]
pub fn clock(at: OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(9);
        let reads = |seconds| age(now - Duration::seconds(seconds), now);
        assert_eq!(reads(-5), "0 s");
        assert_eq!(reads(59), "59 s");
        assert_eq!(reads(61), "1 min");
        assert_eq!(reads(7_300), "2 h");
        assert_eq!(reads(200_000), "2 d");
    }

    #[test]
    fn a_countdown_ends_at_nothing() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(countdown(now + Duration::seconds(119), now), "1:59");
        assert_eq!(countdown(now - Duration::seconds(1), now), "0:00");
    }

    #[test]
    fn times_are_read_as_they_were_told() {
        for (millis, text) in [
            (0, "0ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (900_000, "15m"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(time(Millis(millis)), text);
            assert_eq!(text.parse(), Ok(Millis(millis)));
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(ByteSize(0)), "0 B");
        assert_eq!(size(ByteSize(1_023)), "1023 B");
        assert_eq!(size(ByteSize(1_536)), "1.5 KiB");
        assert_eq!(size(ByteSize(24 << 30)), "24 GiB");
        assert_eq!(cores(4_000), "4");
        assert_eq!(cores(1_500), "1.5");
    }
}
