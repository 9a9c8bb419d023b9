//! Under which address a route is reached.

/// Host name and path prefix of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Lower case; `*.name` or `*` for patterns.
    pub(crate) host: String,
    /// From `/` on, without a `/` at the end but for the root.
    pub(crate) path: String,
}

impl Address {
    /// Reads `HOST` or `HOST/PREFIX`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let host = host.to_ascii_lowercase();
        check_host(&host).map_err(|why| format!("'{text}' is not a route: {why}"))?;
        let path = format!("/{}", path.trim_end_matches('/'));
        let odd =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '?' | '#' | '\\' | '*');
        if path.contains(odd)
            || path.contains("//")
            || path.split('/').any(|part| part == "." || part == "..")
        {
            return Err(format!(
                "'{text}' is not a route: a path prefix has plain segments such as /shop/cart"
            ));
        }
        Ok(Self { host, path })
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host == "*" {
        return Ok(());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.contains(':') {
        return Err("leave out scheme and port: shop.example.com/cart");
    }
    if name.len() > 253 || !name.split('.').all(label) {
        return Err("a host name is like shop.example.com, *.example.com or *");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_into_one_form() {
        for (text, host, path) in [
            ("Shop.Example.com", "shop.example.com", "/"),
            ("shop.example.com/", "shop.example.com", "/"),
            ("*.example.com/a/b/", "*.example.com", "/a/b"),
            ("*", "*", "/"),
            ("localhost/x", "localhost", "/x"),
        ] {
            assert_eq!(
                Address::parse(text),
                Ok(Address {
                    host: host.to_owned(),
                    path: path.to_owned()
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_route_is_refused() {
        for text in [
            "",
            "/a",
            "http://a.example",
            "a.example:80",
            "a..b",
            "-a.example",
            "a b",
            "*a.example",
            "a/../b",
            "a//b",
            "a/b?c",
            "a/*",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
