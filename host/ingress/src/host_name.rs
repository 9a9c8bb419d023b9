//! The host name that a request is for.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header::HOST};

/// The host name, lower-case and without port: of an absolute URI, else of the
/// one `Host` header. `None` if there is none, more than one, or one that is
/// no host name.
pub(crate) fn host_name<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
    let mut hosts = headers.get_all(HOST).iter();
    let authority = match (uri.host(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return None,
        (Some(host), _, None) => host,
        (None, Some(header), None) => header.to_str().ok()?,
        (None, None, None) => return None,
    };
    let name = without_port(authority)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let good = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
    };
    if name.is_empty() || name.len() > 255 || !name.bytes().all(good) {
        return None;
    }
    Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => return Some(authority),
    };
    port.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(host)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        host_name(&uri.parse().unwrap(), &headers).map(Cow::into_owned)
    }

    #[test]
    fn names_are_lower_case_and_without_port_and_final_dot() {
        for (given, name) in [
            ("a.example", "a.example"),
            ("A.Example:8080", "a.example"),
            ("a.example.", "a.example"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(of("/", &[given]).as_deref(), Some(name), "{given}");
        }
        assert_eq!(
            of("http://b.example/x", &["a.example"]).as_deref(),
            Some("b.example")
        );
    }

    #[test]
    fn doubtful_names_are_none() {
        assert_eq!(of("/", &[]), None);
        assert_eq!(of("/", &["a", "a"]), None);
        for bad in ["", ":80", "a b", "a/b", "a:8x", "a@b"] {
            assert_eq!(of("/", &[bad]), None, "{bad}");
        }
    }
}
