//! What a client accepts.

/// An encoding that a file may be stored in beside its plain form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Its name in headers.
    pub name: &'static str,
    /// What is appended to the file's name.
    pub suffix: &'static str,
}

/// The encodings, the one that packs best first.
const ENCODINGS: [Encoding; 2] = [
    Encoding {
        name: "br",
        suffix: ".br",
    },
    Encoding {
        name: "gzip",
        suffix: ".gz",
    },
];

/// The encodings that an `Accept-Encoding` header allows, the most wanted
/// first.
#[must_use]
pub fn encodings(header: &str) -> Vec<Encoding> {
    let mut allowed: Vec<_> = ENCODINGS
        .iter()
        .map(|encoding| (quality(header, &[encoding.name, "*"]), *encoding))
        .filter(|(quality, _)| *quality > 0)
        .collect();
    allowed.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    allowed.into_iter().map(|(_, encoding)| encoding).collect()
}

/// Whether an `Accept` header asks for web pages by name. `*/*` does not: it
/// is what scripts send.
#[must_use]
pub fn accepts_pages(header: &str) -> bool {
    quality(header, &["text/html", "text/*"]) > 0
}

/// The quality, in thousandths, of the first of these names that the header
/// has; 0 if it has none.
fn quality(header: &str, names: &[&str]) -> u32 {
    let of = |wanted: &&str| {
        header.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let value =
                parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some(value.map_or(1000, thousandths))
        })
    };
    names.iter().find_map(of).unwrap_or(0)
}

/// Reads a number from 0 to 1 with up to three decimals. What is none of these
/// counts as 0, so that nobody gets what they may not understand.
fn thousandths(text: &str) -> u32 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_come_in_the_order_in_which_they_are_wanted() {
        for (header, names) in [
            ("gzip, deflate, br", &["br", "gzip"][..]),
            ("gzip;q=0.9, br;q=0.5", &["gzip", "br"]),
            ("GZIP", &["gzip"]),
            ("*", &["br", "gzip"]),
            ("*;q=0.5, br;q=0", &["gzip"]),
            ("br;q=0, gzip; q=0.001", &["gzip"]),
            ("br;q=0.0000, gzip;q=nonsense", &[]),
            ("identity", &[]),
            ("brotli", &[]),
            ("", &[]),
        ] {
            let found: Vec<_> = encodings(header)
                .iter()
                .map(|encoding| encoding.name)
                .collect();
            assert_eq!(found, names, "{header}");
        }
    }

    #[test]
    fn pages_are_for_those_who_ask_for_them() {
        assert!(accepts_pages("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(accepts_pages("text/*"));
        for header in ["*/*", "application/json", "text/html;q=0", ""] {
            assert!(!accepts_pages(header), "{header}");
        }
    }
}
