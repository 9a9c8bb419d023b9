//! Addresses in a token: `host:port`, as one would type them.

use std::net::{Ipv6Addr, SocketAddr};

/// The longest name that the DNS has.
const LONGEST_NAME: usize = 253;

/// Whether a text is an address that can be dialled: an IP address (version 6
/// in brackets) or a name, and a port.
pub fn is_good(text: &str) -> bool {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return address.port() != 0 && !address.ip().is_unspecified();
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let port_is_good = port.parse::<u16>().is_ok_and(|number| number != 0)
        && port.bytes().all(|byte| byte.is_ascii_digit());
    port_is_good && (is_name(host) || is_scoped(host))
}

/// A name of the DNS. What has digits alone at its end, is an IP address that
/// went wrong.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= LONGEST_NAME
        && host.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// An address of IP version 6 with the name of an interface, `[fe80::1%eth0]`.
fn is_scoped(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .and_then(|host| host.split_once('%'))
        .is_some_and(|(address, zone)| {
            address.parse::<Ipv6Addr>().is_ok()
                && (1..=15).contains(&zone.len())
                && zone
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
}

/// An address for a message: without what a terminal would act on, and short.
pub fn shown(text: &str) -> String {
    text.chars()
        .take(80)
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        for good in [
            "127.0.0.1:7444",
            "[::1]:7444",
            "[fe80::1%eth0]:7444",
            "leader:7444",
            "box-1.plant_a.example.:1",
            "10.0.0.1:65535",
            "1and1.example:80",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in [
            "",
            ":7444",
            "leader",
            "leader:",
            "leader:0",
            "leader:65536",
            "leader:+1",
            "leader:7444 ",
            "::1:7444",
            "10.0.0.256:7444",
            "0.0.0.0:7444",
            "[::]:7444",
            "-x:7444",
            "a..b:7444",
            "http://leader:7444",
            "[fe80::1%]:7444",
            "le\u{e4}der:7444",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }
}
