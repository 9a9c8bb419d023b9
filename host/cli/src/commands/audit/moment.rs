//! Moments as people name them.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// Reads a moment such as `2026-03-01T12:00:00Z`, or how long ago one was: `90s`,
/// `15m`, `2h`, `7d`.
///
/// # Errors
/// If it is neither.
pub fn parse(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(moment);
    }
    ago(text)
        .and_then(|ago| OffsetDateTime::now_utc().checked_sub(ago))
        .ok_or_else(|| format!("'{text}' is no moment such as 2026-03-01T12:00:00Z, 2h or 7d"))
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?.parse::<u32>().ok()?;
    Some(Duration::seconds(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_ages_are_read() {
        let moment = parse("2026-03-01T12:00:00+01:00").unwrap();
        assert_eq!(moment.unix_timestamp(), 1_772_362_800);
        assert_eq!(ago("7d"), Some(Duration::days(7)));
        assert_eq!(ago("90s"), Some(Duration::seconds(90)));
        assert!(parse("2h").unwrap() < OffsetDateTime::now_utc());
        for bad in [
            "",
            "h",
            "yesterday",
            "-2h",
            "2026-03-01",
            "2w",
            "99999999999d",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
