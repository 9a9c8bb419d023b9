//! Where a PostgreSQL database is: a URL that may name several hosts.

use std::{fmt, str::FromStr};

/// PostgreSQL's own port.
const PORT: u16 = 5432;

/// What the query of a URL may set: how far the connection is secured, and by
/// which files.
const SETTINGS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// What `sslmode` may be.
const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// `postgres://user:password@host1:5432,host2:5433/database?sslmode=verify-full`:
/// one database on one host, or on several of which one is the primary at a
/// time. What is shown of it never has the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) hosts: Vec<Address>,
    pub(super) database: String,
    settings: Vec<(&'static str, String)>,
}

/// One host of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Name, address without brackets, or the folder of a socket.
    pub host: String,
    pub port: u16,
}

/// Why something is no URL of a database. It never quotes the URL, which may
/// hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; it should look like postgres://user:password@host1:5432,host2:5432/database")]
pub struct DatabaseUrlError(String);

impl DatabaseUrl {
    /// The whole URL, with the password. Not for logs and answers.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.written(self.password.as_deref())
    }

    /// The hosts in the order in which they stand there, each with its port.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.iter().map(Address::to_string).collect()
    }

    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn written(&self, password: Option<&str>) -> String {
        let mut text = format!("postgres://{}", encoded(&self.user));
        if let Some(password) = password {
            text.push(':');
            text.push_str(&encoded(password));
        }
        let hosts: Vec<String> = self.hosts.iter().map(Address::in_url).collect();
        text.push('@');
        text.push_str(&hosts.join(","));
        text.push('/');
        text.push_str(&encoded(&self.database));
        for (place, (name, value)) in self.settings.iter().enumerate() {
            text.push(if place == 0 { '?' } else { '&' });
            text.push_str(&format!("{name}={}", encoded(value)));
        }
        text
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(None))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    fn in_url(&self) -> String {
        if self.host.contains(':') {
            self.to_string()
        } else {
            format!("{}:{}", encoded(&self.host), self.port)
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or_else(|| wrong("the URL of a database begins with postgres://"))?;
        if rest.contains('#') {
            return Err(wrong("a '#' in a password is written as %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest
            .split_once('/')
            .ok_or_else(|| wrong("the URL names no database"))?;
        let (who, hosts) = authority
            .rsplit_once('@')
            .ok_or_else(|| wrong("the URL names no user"))?;
        let (user, password) = match who.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
            None => (who, None),
        };
        let url = Self {
            user: decoded(user)?,
            password,
            hosts: hosts.split(',').map(address).collect::<Result<_, _>>()?,
            database: decoded(database)?,
            settings: settings(query)?,
        };
        if url.user.is_empty() {
            return Err(wrong("the URL names no user"));
        }
        if url.database.is_empty() || url.database.contains('/') {
            return Err(wrong("the URL names no database"));
        }
        Ok(url)
    }
}

fn wrong(why: impl Into<String>) -> DatabaseUrlError {
    DatabaseUrlError(why.into())
}

fn address(text: &str) -> Result<Address, DatabaseUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| wrong("an address of the URL has no closing bracket"))?;
            if !host.contains(':') {
                return Err(wrong("only IPv6 addresses stand in brackets"));
            }
            (host.to_owned(), port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let host = decoded(host)?;
            if host.contains(':') {
                return Err(wrong("IPv6 addresses stand in brackets"));
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None if port.is_empty() => Some(PORT),
        None => None,
    };
    match port {
        Some(port) if !host.is_empty() => Ok(Address { host, port }),
        Some(_) => Err(wrong("a host of the URL has no name")),
        None => Err(wrong(
            "a host of the URL is followed by something that is no port",
        )),
    }
}

fn settings(query: &str) -> Result<Vec<(&'static str, String)>, DatabaseUrlError> {
    let mut settings: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = SETTINGS.into_iter().find(|known| *known == name) else {
            let known = SETTINGS.join(", ");
            return Err(wrong(format!(
                "after '?' the URL may only set {known}, each once"
            )));
        };
        let value = decoded(value)?;
        if name == "sslmode" && !MODES.contains(&value.as_str()) {
            return Err(wrong(format!("sslmode is one of {}", MODES.join(", "))));
        }
        if value.is_empty() || settings.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("{name} is to be set once, to something")));
        }
        settings.push((name, value));
    }
    Ok(settings)
}

/// Writes all but letters, digits and a few signs as `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Reads `%XX`; all else stands for itself.
fn decoded(text: &str) -> Result<String, DatabaseUrlError> {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.next().and_then(hex).zip(rest.next().and_then(hex));
        let byte = digits.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(byte.ok_or_else(|| {
            wrong("a '%' of the URL is not followed by two hexadecimal digits; as a sign of its own it is written as %25")
        })?);
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("a part of the URL is no UTF-8"))?;
    if text.contains('\0') {
        return Err(wrong("a part of the URL has a zero byte"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn several_hosts_and_settings_are_read() {
        let url: DatabaseUrl =
            "postgresql://mu%40ster:p%3A%2F%3F@db1,[fd00::1]:5433,%2Frun%2Fpg:5434/state?sslmode=verify-full&sslrootcert=%2Fca.pem"
                .parse()
                .unwrap();
        assert_eq!(url.user, "mu@ster");
        assert_eq!(url.password.as_deref(), Some("p:/?"));
        assert_eq!(url.hosts(), ["db1:5432", "[fd00::1]:5433", "/run/pg:5434"]);
        assert_eq!(url.database, "state");
        assert_eq!(url.setting("sslrootcert"), Some("/ca.pem"));
        assert_eq!(url.setting("sslkey"), None);
        assert_eq!(url.reveal().parse::<DatabaseUrl>().unwrap(), url);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, why) in [
            ("mysql://u:hunter2@h/d", "begins with postgres://"),
            ("postgres://u:hunter2@h", "no database"),
            ("postgres://u:hunter2@h/", "no database"),
            ("postgres://h/d?password=hunter2", "no user"),
            ("postgres://:hunter2@h/d", "no user"),
            ("postgres://u:hunter2@h:port/d", "no port"),
            ("postgres://u:hunter2@h:0/d", "no port"),
            ("postgres://u:hunter2@h,/d", "no name"),
            ("postgres://u:hunter2@[::1/d", "closing bracket"),
            (
                "postgres://u:hunter2@h/d?sslmode=maybe",
                "sslmode is one of",
            ),
            ("postgres://u:hunter2@h/d?options=-cfsync", "may only set"),
            ("postgres://u:hunter2#@h/d", "%23"),
            ("postgres://u:hunter2%zz@h/d", "hexadecimal"),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            user in "[^\0]{1,12}",
            password in proptest::option::of("[^\0]{0,12}"),
            hosts in proptest::collection::vec(("[a-z0-9.-]{1,12}", 1..=u16::MAX), 1..4),
            database in "[^\0/]{1,12}",
        ) {
            let hosts = hosts.into_iter().map(|(host, port)| Address { host, port }).collect();
            let settings = vec![("sslmode", "require".to_owned())];
            let url = DatabaseUrl { user, password, hosts, database, settings };
            prop_assert_eq!(url.reveal().parse::<DatabaseUrl>(), Ok(url));
        }

        #[test]
        fn a_password_is_never_shown(password in "[A-Z]{8,16}") {
            let url: DatabaseUrl = format!("postgres://muster:{password}@db/state").parse().unwrap();
            let shown = format!("{url} {url:?}");
            prop_assert!(!shown.contains(&password), "{}", shown);
            prop_assert!(url.reveal().contains(&password));
        }

        #[test]
        fn anything_is_read_or_refused(text in "(postgres://)?[ -~]{0,40}") {
            let _ = text.parse::<DatabaseUrl>();
        }
    }
}
