//! The port for peers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use muster_ingress::{Admit, Arrival, Door};
use muster_peering::tls::{PeerIdentity, exporter};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::hello::is_for_apps;

/// How long a handshake may take, and the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection of a stranger may last.
const STRANGER: Duration = Duration::from_secs(30);
/// How many connections may be open at once of whoever is not recognised yet, or
/// is a stranger.
const STRANGERS: usize = 1_024;
/// How many of members: each has a question about news open all the time, says
/// hello every two seconds, and may fetch blocks. Strangers do not count here, so
/// that they take no place from anybody.
const MEMBERS: usize = 16_384;

/// A connection of a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    /// Who it is, if they have shown a certificate that was believed.
    pub(crate) peer: Option<PeerIdentity>,
    /// What both ends of this connection have, and nobody else.
    pub(crate) exporter: [u8; 32],
    /// From where.
    pub(crate) address: SocketAddr,
}

/// The open port. Closed when dropped.
pub(crate) struct Listening {
    config: Arc<ArcSwap<ServerConfig>>,
    address: SocketAddr,
    ending: CancellationToken,
}

impl Listening {
    /// Serves `router` on an address.
    pub(crate) async fn start(
        address: SocketAddr,
        config: ServerConfig,
        router: Router,
        (door, admit): (Door, Admit),
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let this = Self {
            config: Arc::new(ArcSwap::from_pointee(config)),
            address: listener.local_addr()?,
            ending: CancellationToken::new(),
        };
        let (config, ending) = (Arc::clone(&this.config), this.ending.clone());
        tokio::spawn(accept(listener, config, router, (door, admit), ending));
        Ok(this)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the connections from now on use another certificate.
    pub(crate) fn replace(&self, config: ServerConfig) {
        self.config.store(Arc::new(config));
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
    router: Router,
    (door, admit): (Door, Admit),
    ending: CancellationToken,
) {
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let members = Arc::new(Semaphore::new(MEMBERS));
    let connections = TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&strangers).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ending.cancelled() => return,
        };
        let Ok((stream, address)) = accepted else {
            // Such as no free file descriptor: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (config, door) = (config.load_full(), (door.clone(), Arc::clone(&admit)));
        let (router, ending) = (router.clone(), ending.clone());
        let places = (place, Arc::clone(&members));
        connections.spawn(async move {
            tokio::select! {
                () = serve(stream, address, config, router, door, places) => {}
                () = ending.cancelled() => {}
            }
        });
    }
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    config: Arc<ServerConfig>,
    router: Router,
    (door, admit): (Door, Admit),
    (place, members): (OwnedSemaphorePermit, Arc<Semaphore>),
) {
    match timeout(PATIENCE, is_for_apps(&stream)).await {
        Ok(false) => {}
        Ok(true) => {
            if let Ok(stream) = stream.into_std() {
                door.hand_in(Arrival {
                    stream,
                    address,
                    tls: config,
                    admit,
                });
            }
            return;
        }
        Err(_) => return,
    }
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(config);
    let stream = match timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "a peer was not let in"),
        Err(_) => return,
    };
    let tls = stream.get_ref().1;
    let (Ok(peer), Ok(exporter)) = (PeerIdentity::of(tls), exporter(tls)) else {
        return;
    };
    // Who was a member once may say one more word, as strangers may.
    let admitted = admit(tls).is_some();
    let _place = match admitted {
        true => match members.try_acquire_owned() {
            Ok(of_member) => {
                drop(place);
                of_member
            }
            Err(_) => {
                return tracing::warn!(%address, "a peer was turned away: too many are connected");
            }
        },
        false => place,
    };
    let connection = Connection {
        peer,
        exporter,
        address,
    };
    let service = TowerToHyperService::new(router.layer(Extension(connection)));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    // A stranger has one question, and holds a place only as long as it takes.
    let served = match admitted {
        true => served.await,
        false => timeout(STRANGER, served).await.unwrap_or(Ok(())),
    };
    if let Err(error) = served {
        tracing::debug!(%address, %error, "a peer's connection broke");
    }
}
