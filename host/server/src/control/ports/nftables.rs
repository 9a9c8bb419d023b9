//! A rule set that lets in what a host needs, as `nft -f` reads it.

use std::{
    collections::BTreeSet,
    fmt::{self, Display, Formatter},
    net::IpAddr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use muster_api::ports::{Audience, Port, Reachable};

/// What is to be let in.
pub(super) struct Filter<'a> {
    pub(super) host: &'a str,
    pub(super) ports: &'a [Port],
    pub(super) ssh: u16,
    /// Where the other hosts of the group are.
    pub(super) peers: &'a BTreeSet<IpNet>,
    /// Hosts of the group of which nobody knows where they are.
    pub(super) unresolved: &'a [String],
}

/// What every machine needs to be on a network: errors of the way, echoes,
/// neighbours and routers, multicast, and leases.
const ALWAYS: &str = "\
        ct state established,related accept
        ct state invalid drop
        iifname \"lo\" accept
        icmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } accept
        icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } accept
        icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
";

impl Display for Filter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "#!/usr/sbin/nft -f")?;
        let host = one_line(self.host);
        writeln!(
            f,
            "# What the host {host} lets in; all else is dropped. It has a table of"
        )?;
        writeln!(
            f,
            "# its own, and leaves those of others alone. In force with: nft -f FILE"
        )?;
        writeln!(f, "# Gone again with: nft delete table inet muster")?;
        writeln!(
            f,
            "# The other hosts of the group are in it by address: make it anew when one"
        )?;
        writeln!(f, "# is linked or moves.")?;
        for host in self.unresolved {
            writeln!(
                f,
                "# Not let in, for nobody knows its address: {}",
                one_line(host)
            )?;
        }
        writeln!(f, "\ntable inet muster\ndelete table inet muster\n")?;
        writeln!(f, "table inet muster {{")?;
        self.sets(f)?;
        writeln!(f, "    chain input {{")?;
        writeln!(
            f,
            "        type filter hook input priority filter; policy drop;"
        )?;
        f.write_str(ALWAYS)?;
        writeln!(f, "        tcp dport {} accept comment \"ssh\"", self.ssh)?;
        for port in self.ports {
            port_rules(f, port)?;
        }
        writeln!(f, "    }}\n}}")
    }
}

impl Filter<'_> {
    /// The addresses of the other hosts. Those of this machine itself come over
    /// the loopback interface.
    fn sets(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for network in self.peers.iter().filter(|it| !it.addr().is_loopback()) {
            match network {
                IpNet::V4(network) => four.push(*network),
                IpNet::V6(network) => six.push(*network),
            }
        }
        // Networks that overlap are an error to nft.
        set(f, "peers4", "ipv4_addr", &Ipv4Net::aggregate(&four))?;
        set(f, "peers6", "ipv6_addr", &Ipv6Net::aggregate(&six))
    }
}

fn set(f: &mut Formatter<'_>, name: &str, kind: &str, elements: &[impl Display]) -> fmt::Result {
    writeln!(f, "    set {name} {{\n        type {kind}; flags interval;")?;
    if !elements.is_empty() {
        let all: Vec<_> = elements.iter().map(ToString::to_string).collect();
        writeln!(f, "        elements = {{ {} }}", all.join(", "))?;
    }
    writeln!(f, "    }}")
}

/// The rules for one port: from the other hosts of the group alone, or from
/// everybody.
fn port_rules(f: &mut Formatter<'_>, port: &Port) -> fmt::Result {
    let (number, purpose) = (port.port, &port.purpose);
    if port.reachable == Reachable::FromHere {
        let address = port.address;
        return writeln!(
            f,
            "        # {purpose}: {address} port {number} is for this machine alone"
        );
    }
    let four = ("ip", "peers4");
    let six = ("ip6", "peers6");
    let families = match port.address {
        IpAddr::V4(_) => &[four][..],
        // Whoever listens on all of the newer ones listens on all.
        IpAddr::V6(address) if address.is_unspecified() => &[four, six],
        IpAddr::V6(_) => &[six],
    };
    for (family, peers) in families {
        let to = match port.address.is_unspecified() {
            true => match *family {
                "ip" => "meta nfproto ipv4".to_owned(),
                _ => "meta nfproto ipv6".to_owned(),
            },
            false => format!("{family} daddr {}", port.address),
        };
        let from = match port.needed_by {
            Audience::HostsOfTheGroup => format!(" {family} saddr @{peers}"),
            Audience::PeopleAndPrograms | Audience::UsersOfApps => String::new(),
        };
        writeln!(
            f,
            "        {to}{from} tcp dport {number} accept comment \"{purpose}\""
        )?;
    }
    Ok(())
}

/// Names are anybody's choice, and a line feed would end the comment.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use muster_api::ports::Protocol;

    use super::*;

    fn port(address: &str, number: u16, needed_by: Audience) -> Port {
        let address: IpAddr = address.parse().unwrap();
        Port {
            address,
            port: number,
            protocol: Protocol::Tcp,
            role: "base".to_owned(),
            purpose: format!("port {number}"),
            needed_by,
            open: true,
            reachable: match address.is_loopback() {
                true => Reachable::FromHere,
                false => Reachable::FromElsewhere,
            },
        }
    }

    fn rules(ports: &[Port], peers: &[&str]) -> String {
        let peers = peers.iter().map(|it| it.parse().unwrap()).collect();
        let filter = Filter {
            host: "north\ntable inet evil { }",
            ports,
            ssh: 2222,
            peers: &peers,
            unresolved: &["east (east.example:7444)".to_owned()],
        };
        filter.to_string()
    }

    #[test]
    fn each_port_is_open_to_those_who_need_it() {
        let ports = [
            port("127.0.0.1", 7480, Audience::PeopleAndPrograms),
            port("0.0.0.0", 8080, Audience::UsersOfApps),
            port("::", 7444, Audience::HostsOfTheGroup),
            port("192.0.2.1", 7443, Audience::PeopleAndPrograms),
            port("2001:db8::1", 7445, Audience::HostsOfTheGroup),
        ];
        let peers = [
            "192.0.2.0/24",
            "192.0.2.7/32",
            "127.0.0.2/32",
            "2001:db8::2/128",
        ];
        insta::assert_snapshot!("rules", rules(&ports, &peers));
    }

    #[test]
    fn nobody_is_let_in_where_nobody_else_is() {
        let text = rules(&[port("0.0.0.0", 7444, Audience::HostsOfTheGroup)], &[]);
        assert!(!text.contains("elements"), "{text}");
        assert!(text.contains("ip saddr @peers4 tcp dport 7444"), "{text}");
        // A name cannot add rules.
        assert!(
            !text.lines().any(|line| line.starts_with("table inet evil")),
            "{text}"
        );
    }
}
