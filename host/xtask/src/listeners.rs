//! Where a host listens, and how to reach it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// Where a host listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listeners {
    /// API and console.
    pub management: SocketAddr,
    /// Apps.
    pub apps: SocketAddr,
}

impl Default for Listeners {
    fn default() -> Self {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            management: at(7480),
            apps: at(8080),
        }
    }
}

impl Listeners {
    /// The defaults, as changed by arguments of `muster serve`.
    ///
    /// # Errors
    /// If a value is not an address with a port.
    pub fn from_args(arguments: &[String]) -> Result<Self> {
        let mut listeners = Self::default();
        for (flag, place) in [
            ("--management", &mut listeners.management),
            ("--apps", &mut listeners.apps),
        ] {
            if let Some(value) = value_of(arguments, flag) {
                *place = value.parse().with_context(|| {
                    format!("{flag} takes an address like {place}, not '{value}'")
                })?;
            }
        }
        Ok(listeners)
    }

    /// The arguments of `muster serve` that say the same, whatever its
    /// environment and files say.
    pub fn to_args(self) -> [String; 2] {
        [
            format!("--management={}", self.management),
            format!("--apps={}", self.apps),
        ]
    }

    /// Makes sure that nobody listens there yet: else a chore would take
    /// another host for its own.
    ///
    /// # Errors
    /// If somebody does, or the addresses are not this machine's.
    pub fn check_free(&self) -> Result<()> {
        for (flag, address) in [("--management", self.management), ("--apps", self.apps)] {
            TcpListener::bind(address).with_context(|| {
                format!("cannot listen at {address}: stop what does, or choose another address with `-- {flag} ADDRESS`")
            })?;
        }
        Ok(())
    }

    /// The URL of the API for callers on this machine.
    pub fn url(&self) -> String {
        format!("http://{}", reachable(self.management))
    }
}

/// The arguments without those flags and their values.
pub fn without(arguments: &[String], flags: &[&str]) -> Vec<String> {
    let mut rest = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        if !flags.contains(&name) {
            rest.push(argument.clone());
        } else if value.is_none() {
            arguments.next();
        }
    }
    rest
}

/// The value that a flag has among arguments: `--flag value` or `--flag=value`.
pub fn value_of<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    let position = arguments.iter().position(|argument| {
        argument
            .strip_prefix(flag)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })?;
    match arguments[position].split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.get(position + 1).map(String::as_str),
    }
}

/// Where to connect to reach who listens there: the loopback address, if they
/// listen on all.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn flags_are_left_out_with_their_values() {
        let flags = ["--management", "--apps"];
        let given = words("--log debug --management=a:1 --apps b:2 --name=--apps c");
        assert_eq!(
            without(&given, &flags),
            words("--log debug --name=--apps c")
        );
        assert_eq!(without(&words("--apps"), &flags), words(""));
    }

    #[test]
    fn taken_addresses_are_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let management = taken.local_addr().unwrap();
        let apps = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = Listeners { management, apps };
        let error = listeners.check_free().unwrap_err();
        assert!(error.to_string().contains("-- --management"), "{error}");
        drop(taken);
        listeners.check_free().unwrap();
    }

    #[test]
    fn listeners_follow_the_arguments() {
        let listeners = Listeners::from_args(&words(
            "--log debug --management=0.0.0.0:9000 --apps [::]:9001",
        ))
        .unwrap();
        assert_eq!(listeners.management, "0.0.0.0:9000".parse().unwrap());
        assert_eq!(listeners.apps, "[::]:9001".parse().unwrap());
        assert_eq!(listeners.url(), "http://127.0.0.1:9000");
        assert_eq!(reachable(listeners.apps), "[::1]:9001".parse().unwrap());
        assert_eq!(Listeners::from_args(&[]).unwrap(), Listeners::default());
        assert_eq!(
            Listeners::from_args(&words("--apps-tls 1.2.3.4:5")).unwrap(),
            Listeners::default()
        );
        assert!(Listeners::from_args(&words("--apps 9000")).is_err());
        assert_eq!(
            Listeners::from_args(&listeners.to_args()).unwrap(),
            listeners
        );
    }
}
