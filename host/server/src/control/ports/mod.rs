//! Who listens where on this host, and the rules for a packet filter that follow
//! from it.

mod nftables;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use muster_api::ports::{Audience, Port, PortRules, Ports, Protocol, Reachable, RulesQuery};

use self::nftables::Filter;
use super::{error::ControlError, linking::Links};
use crate::roles::catalog::ALONE;

/// The port of an ssh server unless told.
const SSH: u16 = 22;
/// How long it may take to find out the address that a name has.
const LOOKUP: Duration = Duration::from_secs(2);

/// Where this host listens for itself.
pub(crate) struct Listeners<'a> {
    pub(crate) host: String,
    pub(crate) management: SocketAddr,
    pub(crate) apps: SocketAddr,
    /// Where a load balancer listens, without TLS and with it, if there is one.
    pub(crate) balancer: Option<(SocketAddr, SocketAddr)>,
    pub(crate) links: &'a Links,
}

impl Listeners<'_> {
    /// The ports of this host.
    pub(crate) async fn list(&self) -> Ports {
        let mut items = vec![
            port(
                (self.management, true),
                ("controller", "API and console"),
                Audience::PeopleAndPrograms,
            ),
            port(
                (self.apps, true),
                ("router", "requests for apps"),
                Audience::UsersOfApps,
            ),
        ];
        let balancer = self.balancer.map(|(plain, tls)| {
            [(plain, "requests for apps"), (tls, "the same with TLS")].map(|(address, purpose)| {
                port((address, true), (ALONE, purpose), Audience::UsersOfApps)
            })
        });
        items.extend(balancer.into_iter().flatten());
        let peers = self.links.peers_port().await;
        items.extend(peers.map(|peers| {
            port(
                peers,
                ("base", "what linked hosts say to each other"),
                Audience::HostsOfTheGroup,
            )
        }));
        Ports {
            host: self.host.clone(),
            items,
        }
    }

    /// Rules that let in what the host needs, and nothing else.
    ///
    /// # Errors
    /// If something of the query makes no sense.
    pub(crate) async fn rules(&self, query: &RulesQuery) -> Result<PortRules, ControlError> {
        let ssh = query.ssh_port.unwrap_or(SSH);
        if ssh == 0 {
            return Err(ControlError::invalid("ssh_port", "a port is 1 to 65535"));
        }
        let mut peers = networks(query.peers.as_deref().unwrap_or_default())?;
        let mut unresolved = Vec::new();
        for (host, addresses) in self.links.elsewhere().await? {
            for address in addresses {
                let found = found(&address).await;
                if found.is_empty() {
                    unresolved.push(format!("{host} ({address})"));
                }
                peers.extend(found.into_iter().map(IpNet::from));
            }
        }
        let ports = self.list().await.items;
        let filter = Filter {
            host: &self.host,
            ports: &ports,
            ssh,
            peers: &peers,
            unresolved: &unresolved,
        };
        Ok(PortRules {
            host: self.host.to_owned(),
            nftables: filter.to_string(),
            unresolved,
        })
    }
}

fn port(
    (address, open): (SocketAddr, bool),
    (role, purpose): (&str, &str),
    needed_by: Audience,
) -> Port {
    Port {
        address: address.ip(),
        port: address.port(),
        protocol: Protocol::Tcp,
        role: role.to_owned(),
        purpose: purpose.to_owned(),
        needed_by,
        open,
        reachable: match address.ip().is_loopback() {
            true => Reachable::FromHere,
            false => Reachable::FromElsewhere,
        },
    }
}

/// Addresses and networks with commas between.
fn networks(text: &str) -> Result<BTreeSet<IpNet>, ControlError> {
    let words = text.split(',').map(str::trim);
    let words = words.filter(|word| !word.is_empty());
    words
        .map(|word| {
            let network = word.parse::<IpNet>().map(|network| network.trunc());
            let network = network.or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let why = format!("'{word}' is no address or network such as 192.0.2.0/24");
                ControlError::invalid("peers", why)
            })
        })
        .collect()
}

/// The addresses behind `host:port`, where the host may be a name.
async fn found(address: &str) -> Vec<IpAddr> {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return vec![address.ip()];
    }
    let all = tokio::time::timeout(LOOKUP, tokio::net::lookup_host(address)).await;
    let all = all.ok().and_then(Result::ok);
    let all = all.into_iter().flatten().map(|address| address.ip());
    let all: BTreeSet<_> = all.collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_what_is_none_is_named() {
        let read = networks("192.0.2.7, 198.51.100.9/24,,2001:db8::1").unwrap();
        let read: Vec<_> = read.iter().map(ToString::to_string).collect();
        assert_eq!(read, ["192.0.2.7/32", "198.51.100.0/24", "2001:db8::1/128"]);
        assert!(networks("").unwrap().is_empty());
        for bad in ["north", "192.0.2.7/33", "192.0.2.7:7444"] {
            let error = networks(bad).unwrap_err();
            assert!(matches!(error, ControlError::Invalid(_)), "{bad}");
        }
    }

    #[tokio::test]
    async fn names_become_addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(found("192.0.2.7:7444").await, [ip("192.0.2.7")]);
        assert_eq!(found("[2001:db8::1]:7444").await, [ip("2001:db8::1")]);
        assert!(found("localhost:7444").await[0].is_loopback());
        assert!(found("no such name:7444").await.is_empty());
    }
}
