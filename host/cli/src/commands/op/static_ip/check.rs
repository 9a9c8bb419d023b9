//! Whether an address can be this machine's: what can be told by itself, and what
//! the machine has to be looked at for.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// The longest name that Linux gives to an interface.
const NAME: usize = 15;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub interface: String,
    pub address: IpNet,
    pub gateway: IpAddr,
    pub dns: Vec<IpAddr>,
}

/// What the machine and its network look like.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub interfaces: Vec<Interface>,
    /// What shows that somebody else has the address, if anything does.
    pub taken: Option<String>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub loopback: bool,
    pub addresses: Vec<IpAddr>,
}

impl Wanted {
    /// What makes no sense whatever machine it is for.
    pub fn mistakes(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.interface.is_empty()
            || self.interface.len() > NAME
            || !self.interface.chars().all(good)
            || self.interface.starts_with('.')
        {
            wrong.push(format!("'{}' is no interface such as eth0", self.interface));
        }
        let address = self.address.addr();
        if let Some(why) = unusable(address).or_else(|| special(&self.address, address)) {
            wrong.push(format!("{address} cannot be a host's address: {why}"));
        }
        let gateway = self.gateway;
        if !self.address.contains(&gateway) {
            let network = self.address.trunc();
            wrong.push(format!("the gateway {gateway} does not lie in {network}"));
        } else if gateway == address {
            wrong.push(format!("{gateway} cannot be its own gateway"));
        } else if let Some(why) = unusable(gateway).or_else(|| special(&self.address, gateway)) {
            wrong.push(format!("{gateway} cannot be a gateway: {why}"));
        }
        for (place, server) in self.dns.iter().enumerate() {
            if server.is_unspecified() || server.is_multicast() || is_broadcast(*server) {
                wrong.push(format!("{server} cannot be a DNS server"));
            }
            if self.dns[..place].contains(server) {
                wrong.push(format!("the DNS server {server} is named twice"));
            }
        }
        wrong
    }

    /// What does not go together with this machine and its network.
    pub fn conflicts(&self, seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        let mine = seen.interfaces.iter().find(|it| it.name == self.interface);
        match mine {
            None => {
                let others = seen.interfaces.iter().filter(|it| !it.loopback);
                let others: Vec<_> = others.map(|it| it.name.as_str()).collect();
                let there = match others.is_empty() {
                    true => "there is none".to_owned(),
                    false => format!("there are: {}", others.join(", ")),
                };
                wrong.push(format!("there is no interface {}; {there}", self.interface));
            }
            Some(mine) if mine.loopback => {
                let name = &mine.name;
                wrong.push(format!("{name} does not lead out of this machine"));
            }
            Some(_) => {}
        }
        let address = self.address.addr();
        let mut others = seen.interfaces.iter();
        let holder = others.find(|it| it.name != self.interface && it.addresses.contains(&address));
        if let Some(holder) = holder {
            let name = &holder.name;
            wrong.push(format!("{address} is an address of {name} on this machine"));
        }
        if let Some(taken) = &seen.taken {
            wrong.push(format!("{address} belongs to another machine: {taken}"));
        }
        wrong
    }
}

/// Why no machine on a network can have an address, if so.
fn unusable(address: IpAddr) -> Option<&'static str> {
    let why = match address {
        _ if address.is_unspecified() => "it stands for none",
        _ if address.is_loopback() => "it stays on its machine",
        _ if address.is_multicast() => "it is for many at once",
        _ if is_broadcast(address) => "it is for all at once",
        IpAddr::V4(v4) if v4.is_link_local() => "machines give themselves such",
        IpAddr::V4(v4) if v4.octets()[0] == 0 => "it stands for no machine",
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => "nobody routes it",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "machines give themselves such",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "write it as IPv4",
        _ => return None,
    };
    Some(why)
}

fn is_broadcast(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Why an address means something else in its network, if so. The shortest
/// networks have no room for such.
fn special(network: &IpNet, address: IpAddr) -> Option<&'static str> {
    if network.max_prefix_len() - network.prefix_len() < 2 {
        return None;
    }
    if address == network.network() {
        return Some("it is that of the network");
    }
    let v4 = matches!(address, IpAddr::V4(_));
    (v4 && address == network.broadcast()).then_some("it is for all of the network at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(address: &str, gateway: &str) -> Wanted {
        Wanted {
            interface: "eth0".to_owned(),
            address: address.parse().unwrap(),
            gateway: gateway.parse().unwrap(),
            dns: Vec::new(),
        }
    }

    fn only(wrong: &[String]) -> &str {
        match wrong {
            [one] => one,
            _ => panic!("one thing is wrong: {wrong:?}"),
        }
    }

    #[test]
    fn what_hosts_have_is_good() {
        for (address, gateway) in [
            ("192.0.2.7/24", "192.0.2.1"),
            ("10.0.0.0/31", "10.0.0.1"),
            ("10.0.255.255/8", "10.0.0.1"),
            ("2001:db8::7/64", "2001:db8::1"),
            ("2001:db8::ff/127", "2001:db8::fe"),
        ] {
            let wrong = wanted(address, gateway).mistakes();
            assert!(wrong.is_empty(), "{address}: {wrong:?}");
        }
        let mut good = wanted("192.0.2.7/24", "192.0.2.1");
        good.dns = vec![
            "127.0.0.53".parse().unwrap(),
            "2001:db8::53".parse().unwrap(),
        ];
        assert!(good.mistakes().is_empty());
    }

    #[test]
    fn what_no_host_can_have_is_told_with_its_reason() {
        for (address, gateway, why) in [
            ("192.0.2.0/24", "192.0.2.1", "that of the network"),
            ("192.0.2.255/24", "192.0.2.1", "all of the network"),
            ("127.0.0.7/8", "127.0.0.1", "stays on its machine"),
            ("224.0.0.7/24", "224.0.0.1", "many at once"),
            ("169.254.0.7/16", "169.254.0.1", "give themselves"),
            ("0.1.2.3/8", "0.0.0.1", "no machine"),
            ("250.0.0.7/8", "250.0.0.1", "nobody routes"),
            ("2001:db8::/64", "2001:db8::1", "that of the network"),
            ("fe80::7/64", "fe80::1", "give themselves"),
            ("::ffff:192.0.2.7/120", "::ffff:192.0.2.1", "as IPv4"),
        ] {
            let wrong = wanted(address, gateway).mistakes();
            assert!(wrong[0].contains(why), "{address}: {wrong:?}");
        }
    }

    #[test]
    fn a_gateway_is_another_host_of_the_network() {
        for (address, gateway, why) in [
            ("192.0.2.7/24", "192.0.3.1", "does not lie in 192.0.2.0/24"),
            ("192.0.2.7/24", "2001:db8::1", "does not lie in"),
            ("192.0.2.7/24", "192.0.2.7", "its own gateway"),
            ("192.0.2.7/24", "192.0.2.255", "cannot be a gateway"),
            ("192.0.2.7/32", "192.0.2.1", "does not lie in"),
        ] {
            let wrong = wanted(address, gateway).mistakes();
            assert!(only(&wrong).contains(why), "{gateway}: {wrong:?}");
        }
    }

    #[test]
    fn names_and_servers_are_checked() {
        for bad in ["", "..", "eth0/1", "eth*", "a name", "sixteen-letters-x"] {
            let mut wanted = wanted("192.0.2.7/24", "192.0.2.1");
            bad.clone_into(&mut wanted.interface);
            assert!(
                only(&wanted.mistakes()).contains("is no interface"),
                "{bad}"
            );
        }
        for (dns, why) in [
            (&["0.0.0.0"][..], "cannot be a DNS server"),
            (&["ff02::1"], "cannot be a DNS server"),
            (&["255.255.255.255"], "cannot be a DNS server"),
            (&["192.0.2.2", "192.0.2.2"], "named twice"),
        ] {
            let mut wanted = wanted("192.0.2.7/24", "192.0.2.1");
            wanted.dns = dns.iter().map(|it| it.parse().unwrap()).collect();
            assert!(only(&wanted.mistakes()).contains(why), "{dns:?}");
        }
    }

    #[test]
    fn it_has_to_go_together_with_the_machine() {
        let interface = |name: &str, loopback, address: &str| Interface {
            name: name.to_owned(),
            loopback,
            addresses: vec![address.parse().unwrap()],
        };
        let seen = Seen {
            interfaces: vec![
                interface("lo", true, "127.0.0.1"),
                interface("eth0", false, "192.0.2.7"),
                interface("eth1", false, "192.0.2.8"),
            ],
            taken: None,
        };
        let mut wanted = wanted("192.0.2.7/24", "192.0.2.1");
        assert!(wanted.conflicts(&seen).is_empty(), "it may have it already");
        wanted.interface = "wlan0".to_owned();
        let wrong = wanted.conflicts(&seen);
        assert_eq!(
            wrong,
            [
                "there is no interface wlan0; there are: eth0, eth1",
                "192.0.2.7 is an address of eth0 on this machine"
            ]
        );
        wanted.interface = "lo".to_owned();
        assert!(wanted.conflicts(&seen)[0].contains("does not lead out"));
        wanted.interface = "eth0".to_owned();
        let taken = Seen {
            taken: Some("it answers".to_owned()),
            ..seen
        };
        let wrong = wanted.conflicts(&taken);
        assert!(only(&wrong).contains("another machine: it answers"));
    }
}
