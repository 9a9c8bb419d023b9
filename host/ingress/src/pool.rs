//! One worker's connections to other machines, kept open and used again.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use http::{Request, Response};
use hyper::body::Incoming;
use rustls::pki_types::ServerName;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::{connection::Connection, door::APPS_SHARED, lingering::Lingering, peer::Peer};

/// How long an address may take until its handshake is done.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// How long a peer may leave what it was sent unacknowledged: a host that lost
/// its power does not close its connections.
const SILENCE: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(20);
/// How many unused connections to one host a worker keeps.
const KEPT: usize = 64;
/// Over how many that can be shared a worker spreads its requests to one host, so
/// that they reach more than one worker there.
const LANES: usize = 2;

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

/// Somebody to whom requests are sent. A new address makes a new one.
pub(crate) trait Far {
    /// Who it is.
    fn id(&self) -> Uuid;

    /// Dials. What is to be said before the first request is the `preface`.
    async fn connect(&self, preface: &[u8]) -> io::Result<Connection>;
}

/// One worker's connections. Never leaves its thread.
pub(crate) struct Pool<F> {
    idle: RefCell<HashMap<Uuid, Idle<F>>>,
    /// What is said first over each connection.
    preface: Vec<u8>,
}

struct Idle<F> {
    /// Whom they lead to; a host with another address is another one.
    peer: Weak<F>,
    connections: Vec<(Instant, Connection)>,
}

impl<F> Default for Pool<F> {
    fn default() -> Self {
        Self::with_preface(Vec::new())
    }
}

impl<F> Pool<F> {
    /// No connections yet; over each that comes, the preface is said first.
    pub(crate) fn with_preface(preface: Vec<u8>) -> Self {
        Self {
            idle: RefCell::default(),
            preface,
        }
    }
}

impl<F: Far> Pool<F> {
    /// Sends a request and gives the response's head.
    pub(crate) async fn ask(
        &self,
        peer: &Arc<F>,
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
        match peer.connect(&self.preface).await {
            Ok(connection) => {
                if let Some(same) = connection.share() {
                    self.keep(peer, same);
                }
                self.send(peer, connection, request).await
            }
            Err(error) => Err(Failed::NotSent(Box::new(request), error.to_string())),
        }
    }

    async fn send(
        &self,
        peer: &Arc<F>,
        mut connection: Connection,
        request: Request<Lingering>,
    ) -> Result<Response<Incoming>, Failed> {
        if let Err(error) = connection.ready().await {
            return Err(Failed::NotSent(Box::new(request), error.to_string()));
        }
        match connection.send(request).await {
            Ok(response) => {
                if connection.share().is_none() {
                    self.keep(peer, connection);
                }
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

    fn take(&self, peer: &Arc<F>) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let known = idle.get_mut(&peer.id())?;
        if !std::ptr::eq(known.peer.as_ptr(), Arc::as_ptr(peer)) {
            known.connections.clear();
            return None;
        }
        let now = Instant::now();
        known
            .connections
            .retain(|(since, connection)| now < *since + IDLE && !connection.is_closed());
        known.take()
    }

    /// Keeps a connection for the next request after the response that is on its
    /// way.
    fn keep(&self, peer: &Arc<F>, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let known = idle.entry(peer.id()).or_insert_with(|| Idle {
            peer: Arc::downgrade(peer),
            connections: Vec::new(),
        });
        if !std::ptr::eq(known.peer.as_ptr(), Arc::as_ptr(peer)) {
            known.peer = Arc::downgrade(peer);
            known.connections.clear();
        }
        known.keep(connection);
    }
}

impl<F> Idle<F> {
    /// One to send a request over: of those that many share the one over which the
    /// fewest wait, once there are enough of them.
    fn take(&mut self) -> Option<Connection> {
        // One whose last response is still on its way can take none.
        let free = |(place, (_, it)): (usize, &(_, Connection))| Some((it.waiting()?, place));
        let (shared, in_turn): (Vec<_>, Vec<_>) = (self.connections.iter().enumerate())
            .filter_map(free)
            .partition(|(_, place)| self.connections[*place].1.share().is_some());
        if shared.len() < LANES {
            let (_, place) = in_turn.last()?;
            return Some(self.connections.swap_remove(*place).1);
        }
        let (_, place) = shared.into_iter().take(LANES).min()?;
        let (since, connection) = &mut self.connections[place];
        *since = Instant::now();
        connection.share()
    }

    fn keep(&mut self, connection: Connection) {
        if self.connections.len() < KEPT {
            self.connections.push((Instant::now(), connection));
        }
    }
}

impl Far for Peer {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn connect(&self, preface: &[u8]) -> io::Result<Connection> {
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            let handshake = async {
                let stream = tuned(TcpStream::connect(address).await?)?;
                // It is recognised by its certificate; the name means nothing.
                let name = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
                let mut stream = connector.connect(name, stream).await?;
                stream.write_all(preface).await?;
                match stream.get_ref().1.alpn_protocol() == Some(APPS_SHARED) {
                    true => Connection::shared(stream).await,
                    false => Connection::in_turn(stream).await,
                }
            };
            match timeout(CONNECT, handshake).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(last)
    }
}

/// Has what is sent leave at once, and a machine noticed that is gone.
pub(crate) fn tuned(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let silence = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(&stream, silence)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
