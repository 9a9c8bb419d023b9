//! Where a redirect that keeps the path sends a client.

/// The location with the rest of the request's path appended to its path and
/// the request's query to its query. `rest` is what follows the route's
/// prefix: empty, or from `/` on.
#[must_use]
pub fn location(location: &str, rest: &str, query: Option<&str>) -> String {
    let (location, fragment) = cut(location, '#');
    let (base, own_query) = cut(location, '?');
    let (base, rest) = match base {
        // `//name` and `/\name` would send the client to another host.
        "" | "/" => ("/", rest.trim_start_matches(['/', '\\'])),
        _ if rest.starts_with('/') => (base.strip_suffix('/').unwrap_or(base), rest),
        _ => (base, ""),
    };
    let mut whole = format!("{base}{rest}");
    let mut mark = '?';
    for part in [own_query, query]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
    {
        whole.push(mark);
        whole.push_str(part);
        mark = '&';
    }
    if let Some(fragment) = fragment {
        whole.push('#');
        whole.push_str(fragment);
    }
    whole
}

/// What is before and after the first `mark`.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

#[cfg(test)]
mod tests {
    use super::location;

    #[test]
    fn path_and_query_are_appended() {
        for (to, rest, query, whole) in [
            ("/new", "", None, "/new"),
            ("/new", "/a", None, "/new/a"),
            ("/new/", "/a", Some("q=1"), "/new/a?q=1"),
            ("/new/", "", Some("q=1"), "/new/?q=1"),
            ("/new?x=1", "/a", Some("q=1"), "/new/a?x=1&q=1"),
            ("/new?x=1#part", "/a", None, "/new/a?x=1#part"),
            ("https://other.test", "/a", Some(""), "https://other.test/a"),
            ("https://other.test/", "/", None, "https://other.test/"),
        ] {
            assert_eq!(location(to, rest, query), whole);
        }
    }

    #[test]
    fn a_request_cannot_choose_another_host() {
        for rest in [
            "//evil.test",
            "/\\evil.test",
            "/\\/evil.test",
            "///evil.test",
        ] {
            assert_eq!(location("/", rest, None), "/evil.test");
            assert_eq!(location("", rest, None), "/evil.test");
        }
        assert_eq!(location("/new", "//evil.test", None), "/new//evil.test");
    }
}
