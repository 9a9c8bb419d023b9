//! From which address a client asks.
//!
//! It is that of the connection, unless a proxy is at its other end that is
//! trusted to say for whom it asks. Anybody can write such a header, so of what
//! it says only the end is believed: what trusted proxies have added. The last
//! address that is none of theirs is the client's.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use muster_api::config::management::{ForwardedBy, Management};

use crate::control::config::Config;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// The address of a client, among the extensions of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClientAddress(IpAddr);

/// Finds out from which address a request comes.
pub(super) async fn find(
    State(config): State<Config>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.ip().to_canonical();
    let address = client(peer, request.headers(), &config.get());
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// The address of whoever sent a request.
pub(super) fn of(extensions: &Extensions) -> Option<IpAddr> {
    let found = extensions.get::<ClientAddress>();
    found.map(|address| address.0)
}

fn client(peer: IpAddr, headers: &HeaderMap, settings: &Management) -> IpAddr {
    let proxies: Vec<IpNet> = settings
        .trusted_proxies
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    if !trusted(peer) {
        return peer;
    }
    let name = match settings.forwarded_by {
        ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
        ForwardedBy::Forwarded => FORWARDED,
    };
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let mut last = peer;
    for line in lines.iter().rev() {
        let line = String::from_utf8_lossy(line.as_bytes());
        // Whoever asks may have left quotes open, so they hold nothing together
        // here; an address has no comma in it.
        for entry in line
            .rsplit(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let found = match settings.forwarded_by {
                ForwardedBy::XForwardedFor => address(entry),
                ForwardedBy::Forwarded => forwarded_for(entry).and_then(address),
            };
            match found {
                Some(address) if trusted(address) => last = address,
                Some(address) => return address,
                // Before what is no address, nothing can be believed.
                None => return last,
            }
        }
    }
    last
}

/// The `for` of one element of `Forwarded`, without quotes.
fn forwarded_for(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, node) = nodes.next()?;
    let node = node.trim();
    let unquoted = node
        .strip_prefix('"')
        .and_then(|node| node.strip_suffix('"'));
    nodes.next().is_none().then_some(unquoted.unwrap_or(node))
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let found = match bare {
        Some(bare) => bare.parse().ok(),
        None => text
            .parse::<IpAddr>()
            .ok()
            .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip())),
    };
    found.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(peer: &str, by: ForwardedBy, lines: &[(&HeaderName, &str)]) -> String {
        let settings = Management {
            trusted_proxies: vec!["10.0.0.0/8".to_owned(), "::1/128".to_owned()],
            forwarded_by: by,
            ..Management::default()
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        client(peer.parse().unwrap(), &headers, &settings).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        for (peer, header, client) in [
            // Who is no proxy can say what they like.
            ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
            ("10.0.0.7", "192.0.2.1", "192.0.2.1"),
            ("10.0.0.7", "198.51.100.1, 192.0.2.1", "192.0.2.1"),
            ("10.0.0.7", "198.51.100.1, 192.0.2.1, 10.0.0.8", "192.0.2.1"),
            (
                "10.0.0.7",
                "198.51.100.1, 10.0.0.9, 192.0.2.1, 10.0.0.8",
                "192.0.2.1",
            ),
            ("10.0.0.7", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
            ("10.0.0.7", "", "10.0.0.7"),
            ("10.0.0.7", "198.51.100.1, unknown", "10.0.0.7"),
            ("10.0.0.7", "198.51.100.1, x, 10.0.0.8", "10.0.0.8"),
            ("10.0.0.7", " , 192.0.2.1 ,, ", "192.0.2.1"),
            ("10.0.0.7", "192.0.2.1:4711", "192.0.2.1"),
            ("::1", "2001:db8::7", "2001:db8::7"),
            ("::1", "[2001:db8::7]:80", "2001:db8::7"),
            ("::1", "[2001:db8::7]", "2001:db8::7"),
            ("::1", "::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            let lines = [(&X_FORWARDED_FOR, header)];
            let told = found(peer, ForwardedBy::XForwardedFor, &lines);
            assert_eq!(told, client, "{peer} {header}");
        }
        let twice = [
            (&X_FORWARDED_FOR, "198.51.100.1"),
            (&X_FORWARDED_FOR, "192.0.2.1, 10.0.0.8"),
        ];
        assert_eq!(
            found("10.0.0.7", ForwardedBy::XForwardedFor, &twice),
            "192.0.2.1"
        );
    }

    #[test]
    fn elements_of_forwarded_name_the_client() {
        for (header, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:80\";proto=https;by=10.0.0.7", "192.0.2.1"),
            ("for=198.51.100.1, for=192.0.2.1", "192.0.2.1"),
            ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=\"198.51.100.1, for=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1;for=198.51.100.1", "10.0.0.7"),
            ("for=198.51.100.1, for=_hidden", "10.0.0.7"),
            ("for=198.51.100.1, proto=https", "10.0.0.7"),
            ("192.0.2.1", "10.0.0.7"),
        ] {
            let lines = [(&FORWARDED, header)];
            let told = found("10.0.0.7", ForwardedBy::Forwarded, &lines);
            assert_eq!(told, client, "{header}");
        }
    }

    #[test]
    fn the_other_header_is_not_believed() {
        let both = [
            (&FORWARDED, "for=198.51.100.1"),
            (&X_FORWARDED_FOR, "192.0.2.1"),
        ];
        let told = |by| found("10.0.0.7", by, &both);
        assert_eq!(told(ForwardedBy::XForwardedFor), "192.0.2.1");
        assert_eq!(told(ForwardedBy::Forwarded), "198.51.100.1");
        let none = found("10.0.0.7", ForwardedBy::Forwarded, &both[1..]);
        assert_eq!(none, "10.0.0.7");
    }
}
