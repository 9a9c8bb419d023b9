//! The PROXY protocol, versions 1 and 2: what a proxy says of a client before
//! anything of the client's own is sent
//! (<https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header of version 2 begins with; nothing else does.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// The longest header of version 1.
const LONGEST_LINE: usize = 107;
/// The longest header of version 2 that is taken: room for addresses and far
/// more extensions than proxies send.
const LONGEST: usize = 4096;

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// The client and where it has connected to; none if the proxy speaks for
    /// itself, or of something that is not TCP.
    pub(crate) of: Option<(SocketAddr, SocketAddr)>,
    /// How many bytes the header has.
    pub(crate) length: usize,
}

/// What the beginning of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A header.
    Header(Said),
    /// It may become one; more is needed.
    Short,
    /// No header.
    None,
    /// A header that is wrong.
    Wrong(&'static str),
}

/// Reads the beginning of a connection.
pub(crate) fn read(bytes: &[u8]) -> Beginning {
    let so_far = |mark: &[u8]| {
        let length = mark.len().min(bytes.len());
        bytes[..length] == mark[..length]
    };
    if so_far(&SIGNATURE) {
        if bytes.len() < SIGNATURE.len() {
            Beginning::Short
        } else {
            binary(bytes)
        }
    } else if so_far(WORD) {
        if bytes.len() < WORD.len() {
            Beginning::Short
        } else {
            line(bytes)
        }
    } else {
        Beginning::None
    }
}

fn line(bytes: &[u8]) -> Beginning {
    let window = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if window.len() < LONGEST_LINE {
            Beginning::Short
        } else {
            Beginning::Wrong("its line does not end")
        };
    };
    let length = end + 2;
    let Ok(text) = std::str::from_utf8(&window[WORD.len()..end]) else {
        return Beginning::Wrong("its line is not text");
    };
    let mut words = text.split(' ');
    let of = match words.next() {
        Some("UNKNOWN") => return Beginning::Header(Said { of: None, length }),
        Some("TCP4") => addresses(words, |ip| ip.parse::<Ipv4Addr>().ok().map(IpAddr::V4)),
        Some("TCP6") => addresses(words, |ip| ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6)),
        _ => return Beginning::Wrong("its line names no protocol that is known"),
    };
    match of {
        Some(of) => Beginning::Header(Said {
            of: Some(of),
            length,
        }),
        None => Beginning::Wrong("its line has no two addresses and ports"),
    }
}

fn addresses<'a>(
    mut words: impl Iterator<Item = &'a str>,
    ip: impl Fn(&str) -> Option<IpAddr>,
) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination) = (ip(words.next()?)?, ip(words.next()?)?);
    let mut port = || {
        let word = words.next()?;
        let plain = word == "0" || !word.starts_with('0');
        let digits = plain && word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<u16>().ok().filter(|_| digits)
    };
    let (from, to) = (port()?, port()?);
    let whole = words.next().is_none();
    whole.then_some((
        SocketAddr::new(source, from),
        SocketAddr::new(destination, to),
    ))
}

fn binary(bytes: &[u8]) -> Beginning {
    let Some((head, rest)) = bytes.split_at_checked(SIGNATURE.len() + 4) else {
        return Beginning::Short;
    };
    let (command, family) = (head[12], head[13]);
    let size = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let length = head.len() + size;
    if command >> 4 != 2 {
        return Beginning::Wrong("it is of a version that is not known");
    }
    if length > LONGEST {
        return Beginning::Wrong("it is too long");
    }
    let Some(said) = rest.get(..size) else {
        return Beginning::Short;
    };
    let of = match command & 0x0f {
        // The proxy speaks for itself, such as to see how we are.
        0 => None,
        1 => match family {
            0x11 => match said.first_chunk::<12>() {
                Some([a, b, c, d, e, f, g, h, ports @ ..]) => Some(pair(
                    (
                        Ipv4Addr::new(*a, *b, *c, *d).into(),
                        Ipv4Addr::new(*e, *f, *g, *h).into(),
                    ),
                    ports,
                )),
                None => return Beginning::Wrong("its addresses are cut short"),
            },
            0x21 => {
                let Some((ips, ports)) = said
                    .first_chunk::<36>()
                    .and_then(|it| it.split_first_chunk::<32>())
                else {
                    return Beginning::Wrong("its addresses are cut short");
                };
                let ip = |bytes: &[u8]| {
                    let octets = <[u8; 16]>::try_from(bytes).unwrap_or_default();
                    IpAddr::from(octets)
                };
                let ports = <[u8; 4]>::try_from(ports).unwrap_or_default();
                Some(pair((ip(&ips[..16]), ip(&ips[16..])), &ports))
            }
            // Datagrams, sockets of files, and what nobody has named.
            _ => None,
        },
        _ => return Beginning::Wrong("it has a command that is not known"),
    };
    Beginning::Header(Said { of, length })
}

fn pair((source, destination): (IpAddr, IpAddr), ports: &[u8; 4]) -> (SocketAddr, SocketAddr) {
    let [a, b, c, d] = *ports;
    (
        SocketAddr::new(source, u16::from_be_bytes([a, b])),
        SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    )
}

/// A header that tells of a client; without one, that we speak for ourselves.
pub(crate) fn write(version: Version, of: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let of = of.map(|(source, destination)| alike(source, destination));
    match version {
        Version::V1 => match of {
            Some((source, destination)) => {
                let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
                format!(
                    "PROXY {family} {} {} {} {}\r\n",
                    source.ip(),
                    destination.ip(),
                    source.port(),
                    destination.port()
                )
                .into_bytes()
            }
            None => b"PROXY UNKNOWN\r\n".to_vec(),
        },
        Version::V2 => {
            let mut header = SIGNATURE.to_vec();
            let (command, family) = match of {
                None => (0x20, 0x00),
                Some((SocketAddr::V4(_), _)) => (0x21, 0x11),
                Some((SocketAddr::V6(_), _)) => (0x21, 0x21),
            };
            let mut said = Vec::new();
            if let Some((source, destination)) = of {
                for address in [source, destination] {
                    match address.ip() {
                        IpAddr::V4(ip) => said.extend(ip.octets()),
                        IpAddr::V6(ip) => said.extend(ip.octets()),
                    }
                }
                said.extend(source.port().to_be_bytes());
                said.extend(destination.port().to_be_bytes());
            }
            let size = u16::try_from(said.len()).unwrap_or_default();
            header.extend([command, family]);
            header.extend(size.to_be_bytes());
            header.extend(said);
            header
        }
    }
}

/// Both addresses of one family, which a header cannot do without.
fn alike(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let bare = |it: SocketAddr| SocketAddr::new(it.ip().to_canonical(), it.port());
    let (source, destination) = (bare(source), bare(destination));
    if source.is_ipv4() == destination.is_ipv4() {
        return (source, destination);
    }
    let wide = |it: SocketAddr| match it.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), it.port()),
        IpAddr::V6(_) => it,
    };
    (wide(source), wide(destination))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<(SocketAddr, SocketAddr)> {
        match read(text.as_bytes()) {
            Beginning::Header(Said {
                of: Some(of),
                length,
            }) => {
                assert_eq!(length, text.find("\r\n").unwrap() + 2);
                Some(of)
            }
            _ => None,
        }
    }

    #[test]
    fn lines_name_client_and_server() {
        let told = of("PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\nGET / HTTP/1.1\r\n");
        let (client, server) = told.unwrap();
        assert_eq!(client.to_string(), "192.0.2.1:4711");
        assert_eq!(server.to_string(), "198.51.100.2:443");
        let (client, _) = of("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n").unwrap();
        assert_eq!(client.to_string(), "[2001:db8::1]:0");
        let unknown = read(b"PROXY UNKNOWN ffff::1 whatever\r\n");
        assert_eq!(
            unknown,
            Beginning::Header(Said {
                of: None,
                length: 32
            })
        );
    }

    #[test]
    fn wrong_lines_are_refused() {
        for wrong in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 5\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 007 443\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n",
            "PROXY TCP4 ::1 ::1 4711 443\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.2 4711 443\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.2 4711 443\r\n",
            "PROXY tcp4 192.0.2.1 198.51.100.2 4711 443\r\n",
        ] {
            assert!(
                matches!(read(wrong.as_bytes()), Beginning::Wrong(_)),
                "{wrong:?}"
            );
        }
        let endless = "PROXY UNKNOWN ".to_owned() + &"a".repeat(200);
        assert!(matches!(read(endless.as_bytes()), Beginning::Wrong(_)));
    }

    #[test]
    fn what_a_client_says_is_no_header() {
        for other in [
            "GET / HTTP/1.1\r\n",
            "PROXX",
            "\r\n\r\nGET",
            "POST",
            "\x16\x03\x01",
        ] {
            assert_eq!(read(other.as_bytes()), Beginning::None, "{other:?}");
        }
        for short in ["", "P", "PROXY", "\r", "\r\n\r\n\0\r\nQUIT", "PROXY TCP4 1"] {
            assert_eq!(read(short.as_bytes()), Beginning::Short, "{short:?}");
        }
    }

    #[test]
    fn version_2_has_more_than_addresses() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (client, server) = (address("192.0.2.1:4711"), address("198.51.100.2:443"));
        let mut header = write(Version::V2, Some((client, server)));
        // An extension behind the addresses.
        header.extend([0x04, 0x00, 0x01, 0xff]);
        header[15] += 4;
        let said = Said {
            of: Some((client, server)),
            length: header.len(),
        };
        assert_eq!(read(&header), Beginning::Header(said));
        let mut other = header.clone();
        other[13] = 0x31;
        assert!(matches!(
            read(&other),
            Beginning::Header(Said { of: None, .. })
        ));
        for (place, value) in [(12, 0x11), (12, 0x22), (14, 0xff)] {
            let mut wrong = header.clone();
            wrong[place] = value;
            assert!(
                matches!(read(&wrong), Beginning::Wrong(_)),
                "{place} {value}"
            );
        }
        let mut cut = write(Version::V2, None);
        (cut[12], cut[13]) = (0x21, 0x11);
        assert!(matches!(read(&cut), Beginning::Wrong(_)));
    }

    #[test]
    fn addresses_of_two_families_become_one() {
        let (client, server) = ("192.0.2.1:1".parse().unwrap(), "[::1]:2".parse().unwrap());
        for version in [Version::V1, Version::V2] {
            let Beginning::Header(said) = read(&write(version, Some((client, server)))) else {
                panic!("{version:?}");
            };
            let (source, _) = said.of.unwrap();
            assert_eq!(source.ip().to_canonical(), client.ip());
        }
    }

    proptest! {
        /// What is written is read, whatever follows it; less of it is short.
        #[test]
        fn what_is_written_is_read(
            source: (u128, u16), destination: (u128, u16), v4: bool, v2: bool, of: bool, rest: Vec<u8>,
        ) {
            let address = |(ip, port): (u128, u16)| {
                let ip = if v4 { IpAddr::from((ip as u32).to_be_bytes()) } else {
                    // Outside of the range that stands for IPv4.
                    IpAddr::from((ip | 1 << 127).to_be_bytes())
                };
                SocketAddr::new(ip, port)
            };
            let of = of.then(|| (address(source), address(destination)));
            let version = if v2 { Version::V2 } else { Version::V1 };
            let header = write(version, of);
            let whole = [header.clone(), rest].concat();
            let expected = Said { of, length: header.len() };
            prop_assert_eq!(read(&whole), Beginning::Header(expected));
            for cut in 0..header.len() {
                prop_assert_eq!(read(&header[..cut]), Beginning::Short);
            }
        }

        /// Nothing makes it fall over, and no header is longer than what was read.
        #[test]
        fn anything_is_read(begin in 0usize..3, bytes: Vec<u8>) {
            let begin = [&b""[..], WORD, &SIGNATURE][begin];
            let whole = [begin, &bytes].concat();
            if let Beginning::Header(said) = read(&whole) {
                prop_assert!(said.length <= whole.len());
            }
        }
    }
}
