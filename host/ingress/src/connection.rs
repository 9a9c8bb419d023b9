//! A connection to another machine: HTTP/1.1, over which one request follows the
//! other, or HTTP/2, which many share.

use std::{cell::Cell, io, rc::Rc};

use http::{Request, Response, Version};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::lingering::Lingering;

/// How much of one body may be on its way to somebody who does not read it, in
/// bytes.
pub(crate) const STREAM_WINDOW: u32 = 512 << 10;
/// The same of all bodies over one connection: as much as the protocol allows for
/// (RFC 9113, section 6.9.1), so that none that is not read holds up the others.
pub(crate) const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// The longest piece of a body, in bytes.
pub(crate) const FRAME: u32 = 64 << 10;

/// A connection over which a request can be sent.
pub(crate) enum Connection {
    /// HTTP/1.1.
    InTurn(http1::SendRequest<Lingering>),
    /// HTTP/2.
    Shared(Shared),
}

/// One user's part of a connection that many share.
#[derive(Clone)]
pub(crate) struct Shared {
    sender: http2::SendRequest<Lingering>,
    /// How many requests wait for their answer's head.
    waiting: Rc<Cell<usize>>,
}

impl Connection {
    /// Speaks HTTP/1.1. Must be called on a worker.
    pub(crate) async fn in_turn(
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    ) -> io::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(connection);
        Ok(Self::InTurn(sender))
    }

    /// Speaks HTTP/2. Must be called on a worker.
    pub(crate) async fn shared(
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    ) -> io::Result<Self> {
        let (sender, connection) = http2::Builder::new(Locally)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            // The other end is a member of the group; clients that break off are
            // none of its making.
            .max_local_error_reset_streams(None)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(connection);
        Ok(Self::Shared(Shared {
            sender,
            waiting: Rc::default(),
        }))
    }

    /// The same connection for somebody else, if more than one may have it.
    pub(crate) fn share(&self) -> Option<Self> {
        match self {
            Self::InTurn(_) => None,
            Self::Shared(shared) => Some(Self::Shared(shared.clone())),
        }
    }

    /// How many requests wait for their answer over it; nothing if it can take none.
    pub(crate) fn waiting(&self) -> Option<usize> {
        match self {
            Self::InTurn(sender) => sender.is_ready().then_some(0),
            Self::Shared(shared) => shared.sender.is_ready().then(|| shared.waiting.get()),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::InTurn(sender) => sender.is_closed(),
            Self::Shared(shared) => shared.sender.is_closed(),
        }
    }

    /// Resolves once it can take a request.
    pub(crate) async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::InTurn(sender) => sender.ready().await,
            Self::Shared(shared) => shared.sender.ready().await,
        }
    }

    /// Sends a request and gives the response's head.
    pub(crate) async fn send(
        &mut self,
        request: Request<Lingering>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Lingering>>> {
        match self {
            Self::InTurn(sender) => sender.try_send_request(request).await,
            Self::Shared(shared) => {
                let _waits = Waits::new(&shared.waiting);
                let mut response = shared.sender.try_send_request(request).await?;
                // Whoever asked speaks another version.
                *response.version_mut() = Version::HTTP_11;
                Ok(response)
            }
        }
    }
}

/// One that waits, counted until it has ended.
struct Waits<'a>(&'a Cell<usize>);

impl<'a> Waits<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Runs what belongs to a connection on the worker that has it.
#[derive(Clone)]
struct Locally;

impl<F: Future + 'static> Executor<F> for Locally {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(async move {
            work.await;
        });
    }
}
