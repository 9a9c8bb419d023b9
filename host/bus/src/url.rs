//! Where the servers of a bus are: a URL that may name several.

use std::{fmt, path::PathBuf, str::FromStr};

/// The port of NATS.
const PORT: u16 = 4222;

/// What the query of a URL may set, all of it paths of files: who is trusted with
/// TLS, by what this host is known, and where a password or token stands.
const FILES: [&str; 5] = ["ca", "cert", "key", "password_file", "token_file"];

/// `nats://user:password@host1:4222,host2:4222`, or `tls://…`: the servers of one
/// NATS cluster. With a token in place of user and password, `nats://token@host`.
/// What is shown of it never has password or token.
#[derive(Clone, PartialEq, Eq)]
pub struct BusUrl {
    pub(crate) tls: bool,
    pub(crate) pass: Pass,
    pub(crate) servers: Vec<Server>,
    files: Vec<(&'static str, String)>,
}

/// How to be let in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Everybody is.
    Nothing,
    /// By a secret that all share.
    Token(String),
    /// As somebody. The password may stand in a file.
    User(String, Option<String>),
}

/// A server of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Name, or address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why something is no URL of a bus. It never quotes the URL, which may hold a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; it should look like nats://user:password@host1:4222,host2:4222")]
pub struct BusUrlError(String);

impl BusUrl {
    /// The whole URL, with password or token. Not for logs and answers.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.written(true)
    }

    /// The servers in the order in which they stand there, each with its port.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        self.servers.iter().map(Server::to_string).collect()
    }

    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        let found = self.files.iter().find(|(known, _)| *known == name);
        found.map(|(_, path)| PathBuf::from(path))
    }

    fn written(&self, secrets: bool) -> String {
        let mut text = String::from(if self.tls { "tls://" } else { "nats://" });
        match &self.pass {
            Pass::Nothing => {}
            Pass::Token(token) if secrets => text.push_str(&format!("{}@", encoded(token))),
            Pass::Token(_) => {}
            Pass::User(user, password) => {
                text.push_str(&encoded(user));
                text.push(':');
                if let Some(password) = password.as_ref().filter(|_| secrets) {
                    text.push_str(&encoded(password));
                }
                text.push('@');
            }
        }
        text.push_str(&self.servers().join(","));
        for (place, (name, path)) in self.files.iter().enumerate() {
            text.push(if place == 0 { '?' } else { '&' });
            text.push_str(&format!("{name}={}", encoded(path)));
        }
        text
    }
}

impl fmt::Display for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(false))
    }
}

impl fmt::Debug for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusUrl({self})")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BusUrl {
    type Err = BusUrlError;

    fn from_str(text: &str) -> Result<Self, BusUrlError> {
        let (tls, scheme) = match text.split_once("://") {
            Some(("nats", _)) => (false, "nats://"),
            Some(("tls", _)) => (true, "tls://"),
            _ => return Err(wrong("the URL of a bus begins with nats:// or tls://")),
        };
        let rest = &text[scheme.len()..];
        if rest.contains('#') {
            return Err(wrong("a '#' in a password is written as %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (who, servers) = match rest.rsplit_once('@') {
            Some((who, servers)) => (Some(who), servers),
            None => (None, rest),
        };
        let servers = servers.strip_suffix('/').unwrap_or(servers);
        // Each may be written as a URL of its own, as other programs want it.
        let bare = |server| str::strip_prefix(server, scheme).unwrap_or(server);
        let url = Self {
            tls,
            pass: who.map_or(Ok(Pass::Nothing), pass)?,
            servers: servers
                .split(',')
                .map(|text| server(bare(text)))
                .collect::<Result<_, _>>()?,
            files: files(query)?,
        };
        url.fits()?;
        Ok(url)
    }
}

impl BusUrl {
    /// That its parts go together.
    fn fits(&self) -> Result<(), BusUrlError> {
        let set = |name| self.files.iter().any(|(known, _)| *known == name);
        if !self.tls && ["ca", "cert", "key"].into_iter().any(set) {
            return Err(wrong("ca, cert and key are for tls://"));
        }
        if set("cert") != set("key") {
            return Err(wrong("cert and key go together"));
        }
        let needs = match (&self.pass, set("password_file"), set("token_file")) {
            (Pass::User(_, None), false, false) => "a user needs a password, or password_file",
            (Pass::User(_, Some(_)), true, _) => "the password is to stand in one place",
            (Pass::Nothing | Pass::Token(_), true, _) => {
                "password_file needs a user, and nothing else"
            }
            (Pass::User(..) | Pass::Token(_), _, true) => {
                "token_file goes with neither a user nor a token"
            }
            _ => return Ok(()),
        };
        Err(wrong(needs))
    }
}

fn wrong(why: impl Into<String>) -> BusUrlError {
    BusUrlError(why.into())
}

fn pass(text: &str) -> Result<Pass, BusUrlError> {
    let Some((user, password)) = text.split_once(':') else {
        return match decoded(text)? {
            token if token.is_empty() => Err(wrong("there is nothing before the '@'")),
            token => Ok(Pass::Token(token)),
        };
    };
    let password = Some(decoded(password)?).filter(|password| !password.is_empty());
    match decoded(user)? {
        user if user.is_empty() => Err(wrong("the URL names no user")),
        user => Ok(Pass::User(user, password)),
    }
}

fn server(text: &str) -> Result<Server, BusUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| wrong("an address of the URL has no closing bracket"))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(wrong("only IPv6 addresses stand in brackets"));
            }
            (host, port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() {
        return Err(wrong("a server of the URL has no name"));
    }
    if !host.contains(':') && !host.bytes().all(named) {
        return Err(wrong(
            "the name of a server has letters, digits, '-', '_' and '.'; IPv6 addresses stand in brackets",
        ));
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None if port.is_empty() => Some(PORT),
        None => None,
    };
    let port =
        port.ok_or_else(|| wrong("a server of the URL is followed by something that is no port"))?;
    Ok(Server {
        host: host.to_owned(),
        port,
    })
}

fn files(query: &str) -> Result<Vec<(&'static str, String)>, BusUrlError> {
    let mut files: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, path) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = FILES.into_iter().find(|known| *known == name) else {
            let known = FILES.join(", ");
            return Err(wrong(format!(
                "after '?' the URL may only set {known}, each once"
            )));
        };
        let path = decoded(path)?;
        if path.is_empty() || files.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("{name} is to be set once, to a file")));
        }
        files.push((name, path));
    }
    Ok(files)
}

/// Writes all but letters, digits and a few signs as `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Reads `%XX`; all else stands for itself.
fn decoded(text: &str) -> Result<String, BusUrlError> {
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
    if text.chars().any(char::is_control) {
        return Err(wrong("a part of the URL has a control character"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn several_servers_are_read() {
        let url: BusUrl =
            "tls://mu%40ster:p%3A%2F@a,[fd00::1]:4333,tls://10.0.0.3:4223?ca=%2Fca.pem"
                .parse()
                .unwrap();
        assert!(url.tls);
        assert_eq!(url.servers(), ["a:4222", "[fd00::1]:4333", "10.0.0.3:4223"]);
        assert!(url.pass == Pass::User("mu@ster".to_owned(), Some("p:/".to_owned())));
        assert_eq!(url.file("ca"), Some(PathBuf::from("/ca.pem")));
        assert_eq!(url.file("key"), None);
        assert_eq!(url.reveal().parse::<BusUrl>().unwrap(), url);
        let url: BusUrl = "nats://hunter2@a:1,b:2".parse().unwrap();
        assert!(url.pass == Pass::Token("hunter2".to_owned()));
        assert_eq!(url.to_string(), "nats://a:1,b:2");
        let url: BusUrl = "nats://ada:@a?password_file=/run/p".parse().unwrap();
        assert_eq!(url.to_string(), "nats://ada:@a:4222?password_file=/run/p");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, why) in [
            ("http://u:hunter2@h", "begins with nats://"),
            ("h:4222", "begins with nats://"),
            ("nats://", "no name"),
            ("nats://u:hunter2@", "no name"),
            ("nats://u:hunter2@a,,b", "no name"),
            ("nats://:hunter2@a", "no user"),
            ("nats://@a", "before the '@'"),
            ("nats://u:@a", "needs a password"),
            ("nats://u:hunter2@a:port", "no port"),
            ("nats://u:hunter2@a:0", "no port"),
            ("nats://u:hunter2@a:65536", "no port"),
            ("nats://u:hunter2@[::1", "closing bracket"),
            ("nats://u:hunter2@[a:b]", "IPv6"),
            ("nats://a/b", "name of a server"),
            ("nats://a b", "name of a server"),
            ("nats://tls://a", "no port"),
            ("nats://u:hunter2@a?tls=yes", "may only set"),
            ("nats://a?ca=/x", "for tls://"),
            ("tls://a?cert=/x", "go together"),
            ("tls://a?ca=", "set once"),
            ("nats://u:hunter2@a?password_file=/x", "one place"),
            ("nats://a?password_file=/x", "needs a user"),
            ("nats://hunter2@a?token_file=/x", "token_file goes"),
            ("nats://u:hunter2#@a", "%23"),
            ("nats://u:hunter2%zz@a", "hexadecimal"),
        ] {
            let error = text.parse::<BusUrl>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            tls: bool,
            user in "[^\\pC]{1,12}",
            password in "[^\\pC]{1,12}",
            kind in 0..3,
            servers in proptest::collection::vec(("[a-z0-9._-]{1,12}", 1..=u16::MAX), 1..4),
        ) {
            let pass = match kind {
                0 => Pass::Nothing,
                1 => Pass::Token(user),
                _ => Pass::User(user, Some(password)),
            };
            let servers = servers.into_iter().map(|(host, port)| Server { host, port }).collect();
            let url = BusUrl { tls, pass, servers, files: Vec::new() };
            prop_assert_eq!(url.reveal().parse::<BusUrl>(), Ok(url));
        }

        #[test]
        fn a_secret_is_never_shown(secret in "[A-Z]{8,16}", token: bool) {
            let who = if token { secret.clone() } else { format!("muster:{secret}") };
            let url: BusUrl = format!("nats://{who}@bus").parse().expect("it is one");
            let shown = format!("{url} {url:?}");
            prop_assert!(!shown.contains(&secret), "{}", shown);
            prop_assert!(url.reveal().contains(&secret));
        }

        #[test]
        fn anything_is_read_or_refused(text in "((nats|tls)://)?[ -~]{0,40}") {
            if let Ok(url) = text.parse::<BusUrl>() {
                prop_assert!(!url.servers().is_empty());
                prop_assert_eq!(url.reveal().parse::<BusUrl>(), Ok(url));
            }
        }
    }
}
