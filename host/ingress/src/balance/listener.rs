//! The workers of a load balancer: threads that accept connections and serve
//! them.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    task::LocalSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    certificates::Certificates,
    chooser::Chooser,
    client::{Client, announced},
    group::Balance,
    pass::{Passer, Way},
};
use crate::{listener, pool::Pool, service::RequestIds, slot::BalancerSlot};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the load balancer does its housekeeping and is asked how it is.
const TEND: Duration = Duration::from_secs(2);

/// What a load balancer is made of.
pub struct BalancerOptions {
    /// Where to listen. Port 0 takes any free one.
    pub plain: SocketAddr,
    /// Where to listen for TLS. Port 0 takes any free one.
    pub tls: SocketAddr,
    /// How many threads.
    pub workers: usize,
    /// The plugin in force.
    pub slot: BalancerSlot,
    /// The upstreams and the terms.
    pub balance: Arc<Balance>,
    /// The certificates.
    pub certificates: Arc<Certificates>,
}

/// A load balancer at work.
pub struct Balancer {
    plain: SocketAddr,
    tls: SocketAddr,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Balancer {
    /// Binds the addresses and starts the workers.
    ///
    /// # Errors
    /// If an address cannot be bound, which is told with it, or a thread not be
    /// made.
    pub fn start(options: BalancerOptions) -> Result<Self, (SocketAddr, io::Error)> {
        let (mut plain, mut tls) = (options.plain, options.tls);
        for address in [plain, tls] {
            // Listeners that share a port would also share it with another host.
            drop(std::net::TcpListener::bind(address).map_err(|error| (address, error))?);
        }
        let config = options
            .certificates
            .config()
            .map_err(|error| (tls, io::Error::other(error)))?;
        let config = Arc::new(config);
        let options = Arc::new(options);
        let stop = CancellationToken::new();
        let mut threads = Vec::new();
        for number in 0..options.workers.max(1) {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| (plain, error))?;
            let _entered = runtime.enter();
            let bound = |address| {
                let listening = listener::listen(address).map_err(|error| (address, error))?;
                // The first worker settles port 0 for all.
                let address = listening.local_addr().map_err(|error| (address, error))?;
                Ok((listening, address))
            };
            let listeners = bound(plain).and_then(|one| Ok((one, bound(tls)?)));
            let ((unsecured, at), (secured, tls_at)) = match listeners {
                Ok(bound) => bound,
                Err(error) => {
                    stop.cancel();
                    return Err(error);
                }
            };
            (plain, tls) = (at, tls_at);
            let (stop, options, config) = (stop.clone(), Arc::clone(&options), Arc::clone(&config));
            drop(_entered);
            let work = move || {
                let run = run((unsecured, secured), config, &options, stop);
                LocalSet::new().block_on(&runtime, run);
            };
            let thread = thread::Builder::new()
                .name(format!("balancer-{number}"))
                .spawn(work);
            threads.push(thread.map_err(|error| (plain, error))?);
        }
        Ok(Self {
            plain,
            tls,
            stop,
            threads,
        })
    }

    /// Where it listens, without and with TLS.
    #[must_use]
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.plain, self.tls)
    }

    /// Stops accepting and lets requests finish for as long as `grace`. Blocks.
    pub fn stop(self, grace: Duration) {
        self.stop.cancel();
        let deadline = std::time::Instant::now() + grace;
        for thread in self.threads {
            while !thread.is_finished() && std::time::Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

async fn run(
    (plain, tls): (TcpListener, TcpListener),
    config: Arc<ServerConfig>,
    options: &BalancerOptions,
    stop: CancellationToken,
) {
    let passer = Rc::new(Passer {
        chooser: RefCell::new(Chooser::new(
            options.slot.clone(),
            Arc::clone(&options.balance),
        )),
        balance: Arc::clone(&options.balance),
        ids: RequestIds::new(),
        pool: Pool::default(),
        tls_port: options.tls.port(),
    });
    let acceptor = TlsAcceptor::from(config);
    let connections = TaskTracker::new();
    let serve = |stream: TcpStream, peer, acceptor: Option<&TlsAcceptor>| {
        let (passer, stop) = (Rc::clone(&passer), stop.clone());
        let served = connection(passer, stream, peer, acceptor.cloned(), stop);
        tokio::task::spawn_local(connections.track_future(served));
    };
    let mut tend = tokio::time::interval(TEND);
    loop {
        let (accepted, acceptor) = tokio::select! {
            accepted = plain.accept() => (accepted, None),
            accepted = tls.accept() => (accepted, Some(&acceptor)),
            _ = tend.tick() => {
                passer.chooser.borrow_mut().tend();
                continue;
            }
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => serve(stream, peer, acceptor),
            Err(error) => {
                // Out of file descriptors, most likely: give some time to close.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // What the kernel has already accepted for us is served, not reset.
    for (listener, acceptor) in [(plain, None), (tls, Some(&acceptor))] {
        while let Ok(Ok((stream, peer))) =
            timeout(Duration::from_millis(1), listener.accept()).await
        {
            serve(stream, peer, acceptor);
        }
    }
    connections.close();
    connections.wait().await;
}

async fn connection(
    passer: Rc<Passer>,
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let Ok(to) = stream.local_addr() else {
        return;
    };
    let client = Client {
        address: peer,
        to,
        tls: acceptor.is_some(),
    };
    let terms = passer.balance.terms();
    if terms.accept_proxy && terms.trusts(peer.ip()) {
        match announced(stream, client, true).await {
            Ok((client, stream)) => secured(passer, stream, client, acceptor, stop).await,
            Err(error) => {
                tracing::debug!(%peer, %error, "a proxy does not say for whom it speaks");
            }
        }
    } else {
        secured(passer, stream, client, acceptor, stop).await;
    }
}

async fn secured(
    passer: Rc<Passer>,
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    client: Client,
    acceptor: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let Some(acceptor) = acceptor else {
        return spoken(passer, stream, client, stop).await;
    };
    match timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => spoken(passer, stream, client, stop).await,
        Ok(Err(error)) => {
            tracing::debug!(client = %client.address, %error, "a client does not speak TLS as we do");
        }
        Err(_) => {}
    }
}

async fn spoken(
    passer: Rc<Passer>,
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    client: Client,
    stop: CancellationToken,
) {
    let way = Way::of(client, &passer.balance.terms());
    listener::serve(stream, client.address, stop, async |request, _| {
        passer.pass(request, &way).await
    })
    .await;
}
