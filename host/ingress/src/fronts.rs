//! Who stands in front of this host and may say for whom it asks: the load
//! balancers of its group, and the proxies that an operator trusts.

use std::{collections::HashSet, net::IpAddr};

use arc_swap::ArcSwap;
use ipnet::IpNet;

/// Them. Swapped whole.
#[derive(Default)]
pub struct Fronts(ArcSwap<Known>);

#[derive(Default, PartialEq)]
struct Known {
    addresses: HashSet<IpAddr>,
    networks: Vec<IpNet>,
}

impl Fronts {
    /// Has these believed, and nobody else.
    pub fn replace(&self, addresses: HashSet<IpAddr>, networks: Vec<IpNet>) {
        let known = Known {
            addresses,
            networks,
        };
        if **self.0.load() != known {
            self.0.store(known.into());
        }
    }

    /// Whether somebody is believed.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let known = self.0.load();
        let address = address.to_canonical();
        known.addresses.contains(&address) || known.networks.iter().any(|it| it.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_believed_and_nobody_else() {
        let fronts = Fronts::default();
        let has = |text: &str| fronts.has(text.parse().unwrap());
        assert!(!has("127.0.0.1"));
        let addresses = HashSet::from(["192.0.2.1".parse().unwrap()]);
        fronts.replace(addresses, vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(has("192.0.2.1") && has("::ffff:192.0.2.1") && has("10.9.9.9"));
        assert!(!has("192.0.2.2"));
    }
}
