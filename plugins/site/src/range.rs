//! Which part of a file a request asks for.

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The whole file: there is no header, or one that may be ignored.
    Whole,
    /// These bytes. Never empty, never beyond the file's end.
    Part(Range<u64>),
    /// Nothing that the file has: 416.
    Beyond,
}

/// Reads a `Range` header for a file of that length. Several ranges at once
/// count as a request for the whole file, which is allowed and simpler for
/// everyone.
#[must_use]
pub fn parse(header: &str, length: u64) -> Asked {
    let Some((unit, set)) = header.split_once('=') else {
        return Asked::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Asked::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Asked::Whole;
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else {
        return Asked::Whole;
    };
    match (first, last) {
        (None, None) => Asked::Whole,
        (Some(first), Some(last)) if first > last => Asked::Whole,
        (Some(first), _) if first >= length => Asked::Beyond,
        (Some(first), last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Asked::Part(first..end)
        }
        (None, Some(0)) => Asked::Beyond,
        (None, Some(_)) if length == 0 => Asked::Whole,
        (None, Some(suffix)) => Asked::Part(length.saturating_sub(suffix)..length),
    }
}

/// The `Content-Range` of a part of a file of that length.
#[must_use]
pub fn content_range(part: &Range<u64>, length: u64) -> String {
    format!(
        "bytes {}-{}/{length}",
        part.start,
        part.end.saturating_sub(1)
    )
}

/// The number in a text: none if the text is empty, and no answer if it is no
/// number. One that is too great is as good as the greatest.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn single_ranges_are_parts() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=2-", 2..10),
            ("bytes=2-99999999999999999999999", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("Bytes= 9-9", 9..10),
        ] {
            assert_eq!(parse(header, 10), Asked::Part(part), "{header}");
        }
    }

    #[test]
    fn what_is_past_the_end_is_beyond() {
        for header in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=99999999999999999999-",
            "bytes=-0",
        ] {
            assert_eq!(parse(header, 10), Asked::Beyond, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Asked::Beyond);
        assert_eq!(parse("bytes=-5", 0), Asked::Whole);
    }

    #[test]
    fn several_ranges_and_nonsense_are_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,4-5",
            "lines=0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(header, 10), Asked::Whole, "{header}");
        }
    }

    #[test]
    fn the_header_tells_the_last_byte() {
        assert_eq!(content_range(&(2..6), 10), "bytes 2-5/10");
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_within_the_file(header in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0..200_u64) {
            if let Asked::Part(part) = parse(&header, length) {
                prop_assert!(part.start < part.end && part.end <= length, "{:?}", part);
            }
        }

        #[test]
        fn any_header_is_answered(header in "\\PC*", length: u64) {
            let _ = parse(&header, length);
        }
    }
}
