//! Two ends that meet over a real connection, and what each makes of it.

use std::{io, net::SocketAddr, sync::Arc};

use muster_peering::{
    Anchors, Authority, HostKey, Leaf, Pin,
    tls::{self, Members, PeerIdentity},
};
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use time::{Duration, OffsetDateTime, macros::datetime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use uuid::Uuid;

pub const NOW: OffsetDateTime = datetime!(2031-05-04 12:00 UTC);
pub const LIFE: Duration = Duration::days(30);
pub const ALPN: &[&[u8]] = &[b"test/1"];

/// A host with its key, and a leaf of some authority.
pub struct Host {
    pub id: Uuid,
    pub key: HostKey,
    pub leaf: Leaf,
}

impl Host {
    pub fn new(authority: &Authority, id: u128, issued: OffsetDateTime) -> Self {
        let (id, key) = (Uuid::from_u128(id), HostKey::generate().unwrap());
        let leaf = authority
            .issue(&key.csr(id).unwrap(), id, issued, LIFE)
            .unwrap();
        Self { id, key, leaf }
    }

    pub fn renew(&mut self, authority: &Authority, now: OffsetDateTime) {
        let csr = self.key.csr(self.id).unwrap();
        self.leaf = authority.issue(&csr, self.id, now, LIFE).unwrap();
    }

    pub fn identity(&self) -> PeerIdentity {
        PeerIdentity {
            host: self.id,
            fingerprint: self.key.fingerprint(),
        }
    }

    pub fn serves(&self, anchors: &Anchors, members: impl Members + 'static) -> ServerConfig {
        tls::server_config(&self.leaf, &self.key, anchors, Arc::new(members), ALPN).unwrap()
    }

    pub fn dials(&self, anchors: &Anchors, host: &Self) -> ClientConfig {
        tls::client_config(&self.leaf, &self.key, anchors, host.id, ALPN).unwrap()
    }

    pub fn dials_leader(&self, anchors: &Anchors, leader: &Self) -> ClientConfig {
        tls::leader_config(&self.leaf, &self.key, anchors, &leader.identity(), ALPN).unwrap()
    }
}

/// The list of a leader.
pub struct Leading<F>(pub F);

impl<F: Fn(Uuid, Pin) -> bool + Send + Sync> Members for Leading<F> {
    fn admits(&self, host: Uuid, fingerprint: Pin) -> bool {
        (self.0)(host, fingerprint)
    }

    fn is_leader(&self) -> bool {
        true
    }
}

pub fn authority() -> Authority {
    Authority::generate(Uuid::from_u128(1), NOW).unwrap()
}

pub fn anchors(authorities: &[&Authority]) -> Anchors {
    Anchors::new(authorities.iter().map(|authority| authority.certificate())).unwrap()
}

pub fn anyone(_: Uuid, _: Pin) -> bool {
    true
}

/// What one end knows after the handshake, and after a byte has come.
#[derive(Debug)]
pub struct End {
    pub peer: Option<PeerIdentity>,
    pub exporter: [u8; 32],
    pub kind: HandshakeKind,
}

pub struct Met {
    pub server: io::Result<End>,
    pub client: io::Result<End>,
}

/// Serves one connection: a byte each way.
pub async fn serve_once(listener: &TcpListener, config: Arc<ServerConfig>) -> io::Result<End> {
    let (line, _) = listener.accept().await?;
    let mut stream = TlsAcceptor::from(config).accept(line).await?;
    stream.read_exact(&mut [0]).await?;
    stream.write_all(b"!").await?;
    stream.shutdown().await?;
    let connection = stream.get_ref().1;
    Ok(End {
        peer: PeerIdentity::of(connection).unwrap(),
        exporter: tls::exporter(connection).unwrap(),
        kind: connection.handshake_kind().unwrap(),
    })
}

/// Dials: a byte each way.
pub async fn dial(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<End> {
    let line = TcpStream::connect(address).await?;
    let name = tls::server_name(Uuid::nil());
    let mut stream = TlsConnector::from(config).connect(name, line).await?;
    // A server that does not believe us may have gone; what it said is read.
    let written = stream.write_all(b"?").await;
    stream.read_exact(&mut [0]).await?;
    written?;
    let connection = stream.get_ref().1;
    Ok(End {
        peer: PeerIdentity::of(connection).unwrap(),
        exporter: tls::exporter(connection).unwrap(),
        kind: connection.handshake_kind().unwrap(),
    })
}

pub async fn meet(
    server: impl Into<Arc<ServerConfig>>,
    client: impl Into<Arc<ClientConfig>>,
) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, client) = tokio::join!(
        serve_once(&listener, server.into()),
        dial(address, client.into())
    );
    Met { server, client }
}
