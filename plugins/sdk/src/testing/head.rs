//! The head of a request.

use crate::router;

/// The head of a request that is made up: `GET` without query and headers
/// unless told, with the lot 0.
#[derive(Debug, Clone)]
pub struct Head {
    method: String,
    headers: Vec<(String, String)>,
    query: Option<String>,
    lot: u32,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            headers: Vec::new(),
            query: None,
            lot: 0,
        }
    }
}

impl Head {
    /// With this method.
    #[must_use]
    pub fn with_method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more cookie.
    #[must_use]
    pub fn with_cookie(self, name: &str, value: &str) -> Self {
        self.with_header("cookie", &format!("{name}={value}"))
    }

    /// With this query, without `?`.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    /// With this lot.
    #[must_use]
    pub fn with_lot(mut self, lot: u32) -> Self {
        self.lot = lot;
        self
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_that_name = self
            .headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        of_that_name.map(|(_, value)| value.as_str())
    }
}

impl router::Head for Head {
    fn method(&self) -> String {
        self.method.clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.values(name).next().map(str::to_owned)
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.values("cookie").flat_map(|line| line.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        let found = pairs.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.to_owned())
    }

    fn query(&self) -> Option<String> {
        self.query.clone()
    }

    fn lot(&self) -> u32 {
        self.lot
    }
}

#[cfg(test)]
mod tests {
    use router::Head as _;

    use super::*;

    #[test]
    fn headers_and_cookies_are_found_as_a_host_finds_them() {
        let head = Head::default()
            .with_header("Accept", "text/html")
            .with_header("cookie", "a=1; b=2=3")
            .with_cookie("c", "4");
        assert_eq!(head.method(), "GET");
        assert_eq!(head.header("accept").as_deref(), Some("text/html"));
        assert_eq!(head.cookie("b").as_deref(), Some("2=3"));
        assert_eq!(head.cookie("c").as_deref(), Some("4"));
        assert_eq!(
            (head.cookie("d"), head.query(), head.lot()),
            (None, None, 0)
        );
    }
}
