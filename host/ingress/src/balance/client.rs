//! Who is at the other end of a connection, and what upstreams are told of it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::{
    proxy_protocol::{self, Beginning},
    rewound::Rewound,
    terms::Terms,
};
use crate::service::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, is_claim};

/// How long a proxy may take to say for whom it speaks.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address, or the one that a proxy has told.
    pub(crate) address: SocketAddr,
    /// Where it has connected to.
    pub(crate) to: SocketAddr,
    /// Whether it speaks TLS.
    pub(crate) tls: bool,
}

/// Takes in what a proxy says before anything else, if that is to be. Gives the
/// client and the connection from there on.
///
/// # Errors
/// If the proxy says something else, or nothing.
pub(crate) async fn announced<S: AsyncRead + Unpin>(
    mut stream: S,
    mut client: Client,
    required: bool,
) -> io::Result<(Client, Rewound<S>)> {
    let mut read = BytesMut::with_capacity(512);
    let header = async {
        loop {
            match proxy_protocol::read(&read) {
                Beginning::Header(said) => return Ok(Some(said)),
                Beginning::None if required => return Err(bad("it says nothing of its client")),
                Beginning::None => return Ok(None),
                Beginning::Wrong(why) => return Err(bad(why)),
                Beginning::Short => {}
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    let said = timeout(PATIENCE, header)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if let Some(said) = said {
        let _ = read.split_to(said.length);
        if let Some((address, to)) = said.of {
            (client.address, client.to) = (address, to);
        }
    }
    Ok((client, Rewound::new(read.freeze(), stream)))
}

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Says where a request comes from, in the headers that upstreams read. What is
/// there already is believed if a trusted proxy has sent it, and gone otherwise.
/// Gives the address that the request comes from.
pub(crate) fn tell(headers: &mut HeaderMap, client: &Client, terms: &Terms) -> IpAddr {
    let peer = client.address.ip().to_canonical();
    let trusted = terms.trusts(peer);
    let (mut chain, mut proto, mut host) = (None, None, None);
    if trusted {
        chain = joined(headers);
        proto = headers
            .get(FORWARDED_PROTO)
            .filter(|it| *it == "http" || *it == "https")
            .cloned();
        host = headers.get(FORWARDED_HOST).cloned();
    }
    if headers.keys().any(is_claim) {
        let claims: Vec<HeaderName> = headers.keys().filter(|it| is_claim(it)).cloned().collect();
        for claim in claims {
            headers.remove(claim);
        }
    }
    let origin = chain
        .as_deref()
        .map_or(peer, |chain| origin(chain, peer, terms));
    let told = match chain {
        Some(chain) => format!("{chain}, {peer}"),
        None => peer.to_string(),
    };
    if let Ok(value) = HeaderValue::from_str(&told) {
        headers.insert(FORWARDED_FOR, value);
    }
    let scheme = if client.tls { "https" } else { "http" };
    headers.insert(
        FORWARDED_PROTO,
        proto.unwrap_or(HeaderValue::from_static(scheme)),
    );
    if let Some(host) = host.or_else(|| headers.get(header::HOST).cloned()) {
        headers.insert(FORWARDED_HOST, host);
    }
    origin
}

/// What proxies have said so far, as one line.
fn joined(headers: &HeaderMap) -> Option<String> {
    let lines: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The last address in a chain that is no trusted proxy's: before it, anybody
/// could have written anything.
fn origin(chain: &str, peer: IpAddr, terms: &Terms) -> IpAddr {
    let mut last = peer;
    for entry in chain.rsplit(',').map(str::trim) {
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        let address = bare
            .parse::<IpAddr>()
            .ok()
            .or_else(|| entry.parse::<SocketAddr>().ok().map(|it| it.ip()));
        match address.map(|it| it.to_canonical()) {
            Some(address) if terms.trusts(address) => last = address,
            Some(address) => return address,
            None => return last,
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str, tls: bool) -> Client {
        Client {
            address: address.parse().unwrap(),
            to: "127.0.0.1:80".parse().unwrap(),
            tls,
        }
    }

    fn terms() -> Terms {
        Terms {
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            ..Terms::default()
        }
    }

    fn told(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        all.sort_unstable();
        all
    }

    fn claimed() -> HeaderMap {
        let pairs = [
            ("host", "shop.test:8443"),
            ("x-forwarded-for", "198.51.100.9"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.3"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "www.shop.test"),
            ("x-forwarded-port", "99"),
            ("x-real-ip", "198.51.100.9"),
            ("forwarded", "for=198.51.100.9"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn who_is_no_proxy_has_no_say() {
        let mut headers = claimed();
        let origin = tell(&mut headers, &client("192.0.2.7:1", false), &terms());
        assert_eq!(origin.to_string(), "192.0.2.7");
        let expected = [
            ("host", "shop.test:8443"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "shop.test:8443"),
            ("x-forwarded-proto", "http"),
        ];
        assert_eq!(told(&headers), expected);
    }

    #[test]
    fn a_proxys_word_is_passed_on_with_its_own_address() {
        let mut headers = claimed();
        let origin = tell(&mut headers, &client("10.0.0.7:1", false), &terms());
        assert_eq!(
            origin.to_string(),
            "192.0.2.1",
            "what it claims before counts not"
        );
        let expected = [
            ("host", "shop.test:8443"),
            (
                "x-forwarded-for",
                "198.51.100.9, 192.0.2.1, 10.0.0.3, 10.0.0.7",
            ),
            ("x-forwarded-host", "www.shop.test"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(told(&headers), expected);
    }

    #[test]
    fn a_proxy_that_says_nothing_asks_for_itself() {
        let mut headers = HeaderMap::new();
        let origin = tell(&mut headers, &client("[::ffff:10.0.0.7]:1", true), &terms());
        assert_eq!(origin.to_string(), "10.0.0.7");
        let expected = [
            ("x-forwarded-for", "10.0.0.7"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(told(&headers), expected);
    }

    #[tokio::test]
    async fn what_a_proxy_says_first_is_taken_in() {
        let own = client("10.0.0.7:1", false);
        let sent = &b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\nGET /"[..];
        let (found, mut rest) = announced(sent, own, true).await.unwrap();
        assert_eq!(found.address.to_string(), "192.0.2.1:4711");
        assert_eq!(found.to.to_string(), "198.51.100.2:443");
        let mut text = String::new();
        rest.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "GET /");
        let plain = &b"GET / HTTP/1.1"[..];
        assert!(announced(plain, own, true).await.is_err());
        let (found, mut rest) = announced(plain, own, false).await.unwrap();
        assert_eq!(found, own);
        text.clear();
        rest.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "GET / HTTP/1.1");
        assert!(
            announced(&b"PROXY TCP4 192.0."[..], own, true)
                .await
                .is_err()
        );
    }
}
