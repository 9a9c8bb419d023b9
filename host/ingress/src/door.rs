//! What other hosts send here: connections that were accepted on the port for
//! peers and are for the data path. They are handed to a worker as they came, so
//! that also their TLS is done on the thread that serves them.

use std::{
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::{CommonState, ServerConfig};
use tokio::{sync::mpsc, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{listener, service::Worker, streams};

/// What hosts speak that send requests of apps to each other, with the headers of
/// `relay`: HTTP/2, or HTTP/1.1. Whoever can speak the first does.
pub const APPS_ALPN: [&[u8]; 2] = [APPS_SHARED, b"muster-apps/1"];
/// HTTP/2 of those.
pub(crate) const APPS_SHARED: &[u8] = b"muster-apps/2";
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of another host, of which nothing was read yet.
pub struct Arrival {
    /// The connection. Must not block.
    pub stream: TcpStream,
    /// From where.
    pub address: SocketAddr,
    /// How it is secured. The certificate of the other end must be asked for.
    pub tls: Arc<ServerConfig>,
    /// Tells from that certificate whether it is somebody who may send requests.
    pub admit: Admit,
}

/// Whether the other end is in the group, asked at every request: one that was
/// taken out keeps no connection that is of use.
pub type Admission = Box<dyn Fn() -> bool + Send + Sync>;
/// From a connection, after its handshake, to the other end's admission.
pub type Admit = Arc<dyn Fn(&CommonState) -> Option<Admission> + Send + Sync>;

/// Where connections of other hosts are handed in.
#[derive(Clone)]
pub struct Door {
    workers: Arc<[mpsc::Sender<Arrival>]>,
    turn: Arc<AtomicUsize>,
}

impl Door {
    pub(crate) fn new(workers: Vec<mpsc::Sender<Arrival>>) -> Self {
        Self {
            workers: workers.into(),
            turn: Arc::default(),
        }
    }

    /// Hands a connection to the next worker. It is closed if that has too much
    /// to do, or ends.
    pub fn hand_in(&self, arrival: Arrival) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        if self.workers[turn].try_send(arrival).is_err() {
            tracing::warn!("a peer's connection was turned away: too many arrive at once");
        }
    }
}

/// Serves such a connection until it ends.
pub(crate) async fn serve(worker: Rc<Worker>, arrival: Arrival, stop: CancellationToken) {
    let Arrival {
        stream,
        address,
        tls,
        admit,
    } = arrival;
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        return;
    };
    let stream = match timeout(PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "a peer was not let in"),
        Err(_) => return,
    };
    let known = stream.get_ref().1;
    // Whoever shows no certificate may ask to be linked, and nothing else.
    let spoken = known.alpn_protocol().filter(|it| APPS_ALPN.contains(it));
    let shared = spoken == Some(APPS_SHARED);
    let admitted = spoken.and_then(|_| admit(known));
    let Some(admitted) = admitted else {
        return tracing::debug!(%address, "a stranger asked for an app");
    };
    let admitted: Rc<_> = admitted.into();
    let answer = move |request, deadline| {
        let (worker, admitted) = (Rc::clone(&worker), Rc::clone(&admitted));
        async move {
            worker
                .answer_peer(request, (address, &admitted), deadline)
                .await
        }
    };
    match shared {
        true => streams::serve(stream, address, stop, answer).await,
        false => listener::serve(stream, address, stop, answer).await,
    }
}
