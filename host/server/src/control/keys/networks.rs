//! From where a key may be used.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks in one form; else the place of the first that is none, and why.
pub(super) fn parse(texts: &[String]) -> Result<Vec<String>, (usize, String)> {
    const MOST: usize = 64;
    if texts.len() > MOST {
        return Err((MOST, format!("{MOST} networks at most")));
    }
    let read = |(place, text): (usize, &String)| {
        let why = || (place, format!("'{text}' is no network such as 10.1.0.0/16"));
        network(text).map(|net| net.to_string()).ok_or_else(why)
    };
    texts.iter().enumerate().map(read).collect()
}

/// A network, or a single address as a network of its own.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let net = text.parse::<IpNet>().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc())
}

/// Whether an address lies in one of the networks, or there are none. An
/// address that is not known lies nowhere.
pub(super) fn allow(networks: &[String], address: Option<&str>) -> bool {
    if networks.is_empty() {
        return true;
    }
    let address = address.and_then(|text| text.parse::<IpAddr>().ok());
    let Some(address) = address.map(|address| address.to_canonical()) else {
        return false;
    };
    let nets = networks.iter().filter_map(|text| network(text));
    nets.into_iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn networks_are_brought_into_one_form() {
        let good = texts(&["10.1.2.3/8", "192.0.2.7", "2001:db8::1/32", "::1"]);
        assert_eq!(
            parse(&good).unwrap(),
            ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"]
        );
        for bad in ["", "10.0.0.0/33", "host", "10.0.0", "::1/129"] {
            assert_eq!(parse(&texts(&["::1", bad])).unwrap_err().0, 1, "{bad}");
        }
    }

    #[test]
    fn only_addresses_within_are_let_in() {
        let nets = texts(&["10.0.0.0/8", "::1/128"]);
        for (address, good) in [
            (Some("10.9.8.7"), true),
            (Some("::ffff:10.9.8.7"), true),
            (Some("::1"), true),
            (Some("11.0.0.1"), false),
            (Some("::2"), false),
            (Some("localhost"), false),
            (None, false),
        ] {
            assert_eq!(allow(&nets, address), good, "{address:?}");
        }
        assert!(allow(&[], None));
    }
}
