//! Entity tags: names of what a file contains.

/// The strong tag for a file's digest. None for a text that no tag can hold.
#[must_use]
pub fn of_digest(digest: &str) -> Option<String> {
    let digest = digest.trim();
    let plain = !digest.is_empty()
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    plain.then(|| format!("\"{digest}\""))
}

/// Whether an `If-None-Match` header has the tag, so that the client has the
/// content already. Weak tags count.
#[must_use]
pub fn is_known(header: &str, tag: &str) -> bool {
    header.trim() == "*" || tags(header).any(|known| known == tag)
}

/// Whether an `If-Range` header names exactly the tag, so that a part fits to
/// what the client has. Weak tags and dates do not count.
#[must_use]
pub fn is_same(header: &str, tag: &str) -> bool {
    header.trim() == tag
}

/// The tags of a list, without their marks of weakness.
fn tags(mut list: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        list = list.trim_start_matches([' ', '\t', ',']);
        list = list.strip_prefix("W/").unwrap_or(list);
        let end = list.strip_prefix('"')?.find('"')? + 2;
        let (tag, rest) = list.split_at(end);
        list = rest;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_quoted() {
        assert_eq!(of_digest("abc\n").as_deref(), Some("\"abc\""));
        for odd in ["", " ", "a\"b", "a b", "ö"] {
            assert_eq!(of_digest(odd), None, "{odd}");
        }
    }

    #[test]
    fn lists_of_tags_are_searched() {
        for header in [
            "\"a\"",
            "*",
            "\"x\", \"a\"",
            "W/\"a\"",
            "\"x,y\" ,W/\"a\",",
            "\"x\",\"a\",\"y\"",
        ] {
            assert!(is_known(header, "\"a\""), "{header}");
        }
        for header in ["", "a", "\"b\"", "\"ab\"", "\"x, \"a", "\"", "W/"] {
            assert!(!is_known(header, "\"a\""), "{header}");
        }
    }

    #[test]
    fn a_part_needs_the_very_same_tag() {
        assert!(is_same("\"a\"", "\"a\""));
        for header in ["W/\"a\"", "\"b\"", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
            assert!(!is_same(header, "\"a\""), "{header}");
        }
    }
}
