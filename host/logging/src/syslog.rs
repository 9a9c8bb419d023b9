//! Syslog as RFC 5424 says: over a datagram socket of this machine, UDP, or TCP
//! with counted messages (RFC 6587).

use std::{
    io::{self, Write},
    net::{TcpStream, ToSocketAddrs, UdpSocket},
    os::unix::net::UnixDatagram,
    process,
    time::Duration,
};

use muster_api::logging::SyslogAddress;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::Level;

/// How long a server may take to be connected to, or to take a message.
const PATIENCE: Duration = Duration::from_secs(2);
/// The facility of daemons.
const DAEMON: u8 = 3;
/// The longest message, in bytes; the rest is cut off.
const LONGEST: usize = 16 << 10;

/// A syslog server, and the connection to it while there is one.
#[derive(Debug)]
pub(crate) struct Syslog {
    address: SyslogAddress,
    machine: String,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    pub(crate) fn new(address: SyslogAddress) -> Self {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy();
        Self {
            address,
            machine: header_word(&name),
            connection: None,
        }
    }

    /// Connects anew.
    pub(crate) fn connect(&mut self) -> io::Result<()> {
        self.connection = None;
        self.connection = Some(Connection::open(&self.address)?);
        Ok(())
    }

    /// Sends a line. A connection that has broken is made anew once.
    pub(crate) fn write(&mut self, level: Level, line: &[u8]) -> io::Result<()> {
        let message = self.message(OffsetDateTime::now_utc(), level, line);
        if let Some(connection) = &mut self.connection
            && connection.send(&message).is_ok()
        {
            return Ok(());
        }
        self.connect()?;
        let sent = match &mut self.connection {
            Some(connection) => connection.send(&message),
            None => Ok(()),
        };
        if sent.is_err() {
            self.connection = None;
        }
        sent
    }

    fn message(&self, at: OffsetDateTime, level: Level, line: &[u8]) -> Vec<u8> {
        let priority = DAEMON * 8 + severity(level);
        // Six digits are the most that the format has.
        let at = at
            .replace_nanosecond(at.nanosecond() / 1_000 * 1_000)
            .unwrap_or(at);
        let at = at.format(&Rfc3339).unwrap_or_else(|_| "-".to_owned());
        let (machine, pid) = (&self.machine, process::id());
        let mut message = format!("<{priority}>1 {at} {machine} muster {pid} - - ").into_bytes();
        message.extend_from_slice(cut(line.trim_ascii_end()));
        message
    }
}

/// The beginning of a text, of whole characters.
fn cut(line: &[u8]) -> &[u8] {
    if line.len() <= LONGEST {
        return line;
    }
    let mut end = LONGEST;
    while end > 0 && line[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    &line[..end]
}

/// What the header has in one of its places: printable ASCII without spaces.
fn header_word(text: &str) -> String {
    let word: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(255)
        .collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

impl Connection {
    fn open(address: &SyslogAddress) -> io::Result<Self> {
        match address {
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(socket))
            }
            SyslogAddress::Udp(place) => first(place, |address| {
                let local = if address.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                };
                let socket = UdpSocket::bind(local)?;
                socket.connect(address)?;
                Ok(Self::Udp(socket))
            }),
            SyslogAddress::Tcp(place) => first(place, |address| {
                let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }),
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(message).map(drop),
            Self::Udp(socket) => socket.send(message).map(drop),
            Self::Tcp(stream) => {
                let mut counted = format!("{} ", message.len()).into_bytes();
                counted.extend_from_slice(message);
                stream.write_all(&counted)
            }
        }
    }
}

/// Tries the addresses of a name in turn.
fn first(
    place: &str,
    open: impl Fn(std::net::SocketAddr) -> io::Result<Connection>,
) -> io::Result<Connection> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in place.to_socket_addrs()? {
        match open(address) {
            Ok(connection) => return Ok(connection),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener};

    use super::*;

    const AT: i64 = 1_800_000_000;

    fn syslog(address: SyslogAddress) -> Syslog {
        let mut syslog = Syslog::new(address);
        syslog.machine = "edge".to_owned();
        syslog
    }

    #[test]
    fn a_message_has_the_header_of_the_standard() {
        let syslog = syslog(SyslogAddress::default());
        let at = OffsetDateTime::from_unix_timestamp(AT).unwrap() + Duration::from_nanos(1_234_567);
        let message = syslog.message(at, Level::WARN, b"odd: x=1\n");
        assert_eq!(
            String::from_utf8(message).unwrap(),
            format!(
                "<28>1 2027-01-15T08:00:00.001234Z edge muster {} - - odd: x=1",
                process::id()
            )
        );
        assert_eq!(header_word("bad näme\n"), "badnme");
        assert_eq!(header_word("é"), "-");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let line = "é".repeat(LONGEST);
        let message = cut(line.as_bytes());
        assert_eq!(message.len(), LONGEST);
        let odd = format!("a{line}");
        assert_eq!(cut(odd.as_bytes()).len(), LONGEST - 1);
        assert!(std::str::from_utf8(cut(odd.as_bytes())).is_ok());
    }

    #[test]
    fn datagrams_arrive_and_a_daemon_may_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = syslog(SyslogAddress::Unix(path.to_str().unwrap().to_owned()));
        assert!(syslog.write(Level::INFO, b"nobody there").is_err());
        for word in ["one", "two"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            syslog.write(Level::ERROR, word.as_bytes()).unwrap();
            let mut buffer = [0; 1024];
            let count = daemon.recv(&mut buffer).unwrap();
            let text = std::str::from_utf8(&buffer[..count]).unwrap();
            assert!(text.starts_with("<27>1 ") && text.ends_with(word), "{text}");
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn udp_arrives() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = daemon.local_addr().unwrap().to_string();
        let mut syslog = syslog(SyslogAddress::Udp(place));
        syslog.write(Level::DEBUG, b"hello").unwrap();
        let mut buffer = [0; 1024];
        let count = daemon.recv(&mut buffer).unwrap();
        assert!(buffer[..count].starts_with(b"<31>1 "));
    }

    #[test]
    fn messages_over_tcp_are_counted() {
        let daemon = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = daemon.local_addr().unwrap().to_string();
        let mut syslog = syslog(SyslogAddress::Tcp(place));
        syslog.write(Level::INFO, b"a\nb\n").unwrap();
        syslog.write(Level::INFO, b"c\n").unwrap();
        let (mut stream, _) = daemon.accept().unwrap();
        drop(syslog);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (count, rest) = text.split_once(' ').unwrap();
        let (first, second) = rest.split_at(count.parse().unwrap());
        assert!(
            first.starts_with("<30>1 ") && first.ends_with(" a\nb"),
            "{text}"
        );
        let (count, rest) = second.split_once(' ').unwrap();
        assert_eq!(rest.len(), count.parse::<usize>().unwrap(), "{text}");
    }
}
