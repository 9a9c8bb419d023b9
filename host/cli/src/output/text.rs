//! Numbers, times and foreign text, as people read them.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// How long ago something was: `12s`, `3m`, `5h`, `8d`.
pub fn age(now: OffsetDateTime, then: OffsetDateTime) -> String {
    duration(
        (now - then)
            .max(Duration::ZERO)
            .whole_seconds()
            .unsigned_abs(),
    )
}

/// A length of time in its largest unit.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A moment in full, in UTC and to the second.
pub fn moment(moment: OffsetDateTime) -> String {
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

/// A size with one decimal at most: `17 B`, `3.4 MiB`.
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A number with its noun: `1 block`, `2 blocks`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Text from elsewhere without what would command a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// `yes` or `no`.
pub fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (172_800, "2d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn what_lies_ahead_is_now() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(age(now, now + Duration::hours(1)), "0s");
    }

    #[test]
    fn terminals_get_no_commands() {
        assert_eq!(printable("a\u{1b}[31mb\r\tc"), "a\u{fffd}[31mb\u{fffd}\tc");
    }
}
