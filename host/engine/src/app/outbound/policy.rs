//! Where an app may send HTTP requests.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A network that an app may reach though it is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(Self)
            .map_err(|_| format!("'{text}' is not a network such as 10.1.0.0/16 or 127.0.0.1/32"))
    }
}

/// A host that an app may send requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostPattern {
    /// Lower case, without `*.`.
    name: String,
    /// Whether it stands for every name below `name`.
    below: bool,
    /// Only this port; else those of HTTP and HTTPS.
    port: Option<u16>,
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is not a host such as api.example.com, api.example.com:8443, *.example.com or *"
            )
        };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port))
                if !host.is_empty() && (!host.contains(':') || host.ends_with(']')) =>
            {
                (host, Some(port.parse().map_err(|_| wrong())?))
            }
            _ => (text, None),
        };
        let (name, below) = match host.strip_prefix('*') {
            Some("") => ("", true),
            Some(rest) => (rest.strip_prefix('.').ok_or_else(wrong)?, true),
            None => (host, false),
        };
        let odd = |c: char| {
            !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
        };
        if (name.is_empty() && !below) || name.contains(odd) {
            return Err(wrong());
        }
        Ok(Self {
            name: name.to_ascii_lowercase(),
            below,
            port,
        })
    }
}

impl HostPattern {
    fn allows(&self, host: &str, port: u16) -> bool {
        let port_fits = self
            .port
            .map_or(matches!(port, 80 | 443), |own| own == port);
        let host_fits = if self.below {
            self.name.is_empty()
                || host
                    .strip_suffix(&self.name)
                    .is_some_and(|rest| rest.ends_with('.'))
        } else {
            host == self.name
        };
        port_fits && host_fits
    }
}

/// Where an app may send HTTP requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboundPolicy {
    hosts: Vec<HostPattern>,
    networks: Vec<Network>,
}

impl OutboundPolicy {
    /// Takes the words of the settings: see `allow_outbound` and
    /// `allow_private` in [`muster_api::settings::Settings`].
    ///
    /// # Errors
    /// A pair of the setting's name and what is wrong with it.
    pub fn new(hosts: &[String], networks: &[String]) -> Result<Self, (&'static str, String)> {
        fn all<T: FromStr<Err = String>>(
            name: &'static str,
            texts: &[String],
        ) -> Result<Vec<T>, (&'static str, String)> {
            texts
                .iter()
                .map(|text| text.parse().map_err(|error| (name, error)))
                .collect()
        }
        Ok(Self {
            hosts: all("allow_outbound", hosts)?,
            networks: all("allow_private", networks)?,
        })
    }

    pub(super) fn allows_host(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| pattern.allows(host, port))
    }

    pub(super) fn allows_address(&self, address: IpAddr) -> bool {
        is_public(address)
            || self
                .networks
                .iter()
                .any(|network| network.0.contains(&address))
    }
}

/// Whether an address is one of the public internet: not of this machine, this
/// link, a private network, or a range with a special meaning (IANA's special
/// purpose address registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && matches!(b, 18 | 19))
                || v4.is_documentation())
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            let [a, b, ..] = v6.segments();
            // NAT64 and 6to4 lead to IPv4 addresses that cannot be told here.
            let translated = (a == 0x64 && b == 0xff9b) || a == 0x2002;
            let global = (a & 0xe000) == 0x2000;
            global && !translated && !(a == 0x2001 && b == 0xdb8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hosts: &[&str], networks: &[&str]) -> OutboundPolicy {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        OutboundPolicy::new(&owned(hosts), &owned(networks)).unwrap()
    }

    #[test]
    fn nothing_is_allowed_unless_named() {
        assert!(!policy(&[], &[]).allows_host("example.com", 443));
    }

    #[test]
    fn names_wildcards_and_ports() {
        let policy = policy(
            &["api.example.com", "*.Wild.org", "db.local:8443", "[::1]:81"],
            &[],
        );
        for (host, port) in [
            ("api.example.com", 443),
            ("api.example.com", 80),
            ("a.wild.org", 443),
            ("a.b.wild.org", 80),
            ("db.local", 8443),
            ("[::1]", 81),
        ] {
            assert!(policy.allows_host(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("example.com", 443),
            ("api.example.com", 22),
            ("wild.org", 443),
            ("evilwild.org", 443),
            ("db.local", 443),
        ] {
            assert!(!policy.allows_host(host, port), "{host}:{port}");
        }
    }

    #[test]
    fn a_star_alone_is_every_public_host_on_the_usual_ports() {
        let policy = policy(&["*"], &[]);
        assert!(policy.allows_host("anything.example", 443));
        assert!(!policy.allows_host("anything.example", 25));
        assert!(!policy.allows_address("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn addresses_that_are_not_public_need_a_grant() {
        let none = policy(&["*"], &[]);
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "ff02::1",
        ] {
            assert!(!none.allows_address(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "93.184.216.34", "2606:2800:220:1::1"] {
            assert!(none.allows_address(public.parse().unwrap()), "{public}");
        }
        let granted = policy(&["*"], &["10.1.0.0/16", "::1"]);
        assert!(granted.allows_address("10.1.2.3".parse().unwrap()));
        assert!(granted.allows_address("::1".parse().unwrap()));
        assert!(!granted.allows_address("10.2.0.1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_refused_with_the_settings_name() {
        for bad in ["", "*example.com", "a b", "host:port", "http://x"] {
            assert_eq!(
                OutboundPolicy::new(&[bad.to_owned()], &[]).unwrap_err().0,
                "allow_outbound",
                "{bad}"
            );
        }
        assert_eq!(
            OutboundPolicy::new(&[], &["10.0.0.0/33".to_owned()])
                .unwrap_err()
                .0,
            "allow_private"
        );
    }
}
