//! The workers: threads that accept connections and serve them.

use std::{
    cell::RefCell,
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    sync::mpsc,
    task::LocalSet,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::AccessSink,
    backends::Backends,
    balance::{Client, announced},
    deadline::Deadline,
    decider::Decider,
    door::{self, Arrival, Door},
    fronts::Fronts,
    pool::Pool,
    service::{Caller, RequestIds, Worker},
    slot::RouterSlot,
    table::RouteTable,
};

/// The longest request line and headers that are read at all; apps' own
/// limits lie below.
pub(crate) const MAX_HEAD: usize = 128 << 10;
/// How long a client may take for a request's head, or idle before one.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
const BACKLOG: u32 = 4096;
/// How many connections of other hosts may wait for a worker.
const ARRIVALS: usize = 64;
/// How often the router does its housekeeping and is asked how it is.
const TEND: Duration = Duration::from_secs(2);

/// What the data path is made of.
pub struct IngressOptions {
    /// Where to listen. Port 0 takes any free one.
    pub address: SocketAddr,
    /// How many threads.
    pub workers: usize,
    /// The router in force.
    pub router: RouterSlot,
    /// The routes.
    pub table: Arc<RouteTable>,
    /// The running instances.
    pub backends: Arc<Backends>,
    /// Takes a record of each request.
    pub access: AccessSink,
    /// Who may say for whom it asks.
    pub fronts: Arc<Fronts>,
    /// Whether this host is about to stop: it still serves, but asks clients to
    /// connect anew and whoever checks it to look elsewhere.
    pub leaving: Arc<AtomicBool>,
}

/// The running data path.
pub struct Ingress {
    address: SocketAddr,
    door: Door,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Ingress {
    /// Binds the address and starts the workers.
    ///
    /// # Errors
    /// If the address cannot be bound or a thread not be made.
    pub fn start(options: IngressOptions) -> io::Result<Self> {
        // Listeners that share a port would also share it with another host.
        drop(std::net::TcpListener::bind(options.address)?);
        let stop = CancellationToken::new();
        let mut address = options.address;
        let mut threads = Vec::new();
        let options = Arc::new(options);
        let mut doors = Vec::new();
        for number in 0..options.workers.max(1) {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let listener = {
                let _entered = runtime.enter();
                listen(address)?
            };
            // The first worker settles port 0 for all.
            address = listener.local_addr()?;
            let (stop, options) = (stop.clone(), Arc::clone(&options));
            let (door, arrivals) = mpsc::channel(ARRIVALS);
            doors.push(door);
            let work =
                move || LocalSet::new().block_on(&runtime, run(listener, arrivals, options, stop));
            threads.push(
                thread::Builder::new()
                    .name(format!("ingress-{number}"))
                    .spawn(work)?,
            );
        }
        Ok(Self {
            address,
            door: Door::new(doors),
            stop,
            threads,
        })
    }

    /// Where connections of other hosts are handed in.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

/// A socket that shares its port with those of the other workers: the kernel
/// spreads connections over them.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn run(
    listener: TcpListener,
    mut arrivals: mpsc::Receiver<Arrival>,
    options: Arc<IngressOptions>,
    stop: CancellationToken,
) {
    let worker = Rc::new(Worker {
        decider: RefCell::new(Decider::new(
            options.router.clone(),
            Arc::clone(&options.table),
        )),
        backends: Arc::clone(&options.backends),
        sink: Arc::clone(&options.access),
        ids: RequestIds::new(),
        pool: Pool::default(),
        table: Arc::clone(&options.table),
        fronts: Arc::clone(&options.fronts),
        leaving: Arc::clone(&options.leaving),
    });
    let connections = TaskTracker::new();
    let mut tend = tokio::time::interval(TEND);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(arrival) = arrivals.recv() => {
                let worker = Rc::clone(&worker);
                let served = door::serve(worker, arrival, stop.clone());
                tokio::task::spawn_local(connections.track_future(served));
                continue;
            }
            _ = tend.tick() => {
                worker.decider.borrow_mut().tend();
                continue;
            }
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(Rc::clone(&worker), stream, peer, stop.clone());
                tokio::task::spawn_local(connections.track_future(connection));
            }
            Err(error) => {
                // Out of file descriptors, most likely: give some time to close.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // What the kernel has already accepted for us is served, not reset.
    while let Ok(Ok((stream, peer))) = timeout(Duration::from_millis(1), listener.accept()).await {
        let connection = connection(Rc::clone(&worker), stream, peer, stop.clone());
        tokio::task::spawn_local(connections.track_future(connection));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(
    worker: Rc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    if !worker.fronts.has(peer.ip()) {
        let caller = Caller {
            address: peer,
            front: false,
        };
        return serve(stream, peer, stop, async move |request, deadline| {
            worker.answer(request, caller, deadline).await
        })
        .await;
    }
    // It may say so before its first request, too.
    let client = Client {
        address: peer,
        to: peer,
        tls: false,
    };
    match announced(stream, client, false).await {
        Ok((client, stream)) => {
            let caller = Caller {
                address: client.address,
                front: true,
            };
            serve(stream, peer, stop, async move |request, deadline| {
                worker.answer(request, caller, deadline).await
            })
            .await;
        }
        Err(error) => tracing::debug!(%peer, %error, "a proxy does not say for whom it asks"),
    }
}

/// Serves one connection until it ends.
pub(crate) async fn serve<B>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    stop: CancellationToken,
    answer: impl AsyncFn(Request<Incoming>, Deadline) -> Response<B>,
) where
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let deadline = Deadline::default();
    let service = service_fn(|request| {
        let (answer, deadline) = (&answer, deadline.clone());
        async move { Ok::<_, Infallible>(answer(request, deadline).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let served = loop {
        tokio::select! {
            biased;
            served = connection.as_mut() => break served,
            // A client that no longer reads would hold the app's instance.
            () = deadline.passed() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
