//! One worker's connections to other hosts: HTTP/1.1 over mutual TLS, kept open
//! and used again.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::{lingering::Lingering, peer::Peer};

/// How long an address may take until its handshake is done.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a peer may leave what it was sent unacknowledged: a host that lost
/// its power does not close its connections.
const SILENCE: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(20);
/// How many unused connections to one host a worker keeps.
const KEPT: usize = 64;

/// Why a host did not answer.
pub(crate) enum Failed {
    /// Nothing was sent; the request is as it was.
    NotSent(Box<Request<Lingering>>, String),
    /// It may or may not have got the request.
    Broken(String),
    /// It is not to blame: the client broke off its own request, or the app's
    /// answer makes no sense.
    Spoilt(String),
}

type Connection = SendRequest<Lingering>;

/// One worker's connections. Never leaves its thread.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<Uuid, Idle>>,
}

struct Idle {
    /// Whom they lead to; a host with another address is another one.
    peer: Weak<Peer>,
    connections: Vec<(Instant, Connection)>,
}

impl Pool {
    /// Sends a request and gives the response's head.
    pub(crate) async fn ask(
        &self,
        peer: &Arc<Peer>,
        mut request: Request<Lingering>,
    ) -> Result<Response<Incoming>, Failed> {
        // What lay idle may have been closed meanwhile, which shows before
        // anything is sent.
        while let Some(connection) = self.take(peer) {
            match self.send(peer, connection, request).await {
                Err(Failed::NotSent(back, _)) => request = *back,
                answered => return answered,
            }
        }
        match connect(peer).await {
            Ok(connection) => self.send(peer, connection, request).await,
            Err(error) => Err(Failed::NotSent(Box::new(request), error.to_string())),
        }
    }

    async fn send(
        &self,
        peer: &Arc<Peer>,
        mut connection: Connection,
        request: Request<Lingering>,
    ) -> Result<Response<Incoming>, Failed> {
        if let Err(error) = connection.ready().await {
            return Err(Failed::NotSent(Box::new(request), error.to_string()));
        }
        match connection.try_send_request(request).await {
            Ok(response) => {
                self.keep(peer, connection);
                Ok(response)
            }
            Err(mut error) => {
                let why = error.error().to_string();
                Err(match error.take_message() {
                    Some(request) => Failed::NotSent(Box::new(request), why),
                    None if error.error().is_user() || error.error().is_parse() => {
                        Failed::Spoilt(why)
                    }
                    None => Failed::Broken(why),
                })
            }
        }
    }

    fn take(&self, peer: &Arc<Peer>) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let known = idle.get_mut(&peer.id)?;
        if !std::ptr::eq(known.peer.as_ptr(), Arc::as_ptr(peer)) {
            known.connections.clear();
            return None;
        }
        let now = Instant::now();
        known
            .connections
            .retain(|(since, connection)| now < *since + IDLE && !connection.is_closed());
        // One whose last response is still on its way is not ready.
        let free = known
            .connections
            .iter()
            .rposition(|(_, connection)| connection.is_ready())?;
        Some(known.connections.swap_remove(free).1)
    }

    /// Keeps a connection for the next request after the response that is on its
    /// way.
    fn keep(&self, peer: &Arc<Peer>, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let known = idle.entry(peer.id).or_insert_with(|| Idle {
            peer: Arc::downgrade(peer),
            connections: Vec::new(),
        });
        if !std::ptr::eq(known.peer.as_ptr(), Arc::as_ptr(peer)) {
            known.peer = Arc::downgrade(peer);
            known.connections.clear();
        }
        if known.connections.len() < KEPT {
            known.connections.push((Instant::now(), connection));
        }
    }
}

async fn connect(peer: &Peer) -> io::Result<Connection> {
    let connector = TlsConnector::from(Arc::clone(&peer.tls));
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &peer.addresses {
        let handshake = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let silence = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
            rustix::net::sockopt::set_tcp_user_timeout(&stream, silence)?;
            // It is recognised by its certificate; the name means nothing.
            let name = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
            connector.connect(name, stream).await
        };
        match timeout(CONNECT, handshake).await {
            Ok(Ok(stream)) => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(io::Error::other)?;
                tokio::task::spawn_local(connection);
                return Ok(sender);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(last)
}
