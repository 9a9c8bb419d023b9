//! Questions to a peer.

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use muster_peering::tls::{self, Distrust, PeerIdentity};
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use uuid::Uuid;

/// How long an address may take to answer the handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a peer may leave what it was sent unacknowledged: a host that lost
/// its power does not close its connections.
const SILENCE: Duration = Duration::from_secs(5);
/// How much later than the one before the next address is tried, so that one
/// that does not answer holds nobody up.
const STAGGER: Duration = Duration::from_millis(250);
/// How much is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a whole question may take.
    pub(crate) whole: Duration,
    /// The longest answer, in bytes.
    pub(crate) answer: usize,
}

impl Patience {
    /// For a few words.
    pub(crate) const WORDS: Self = Self {
        whole: Duration::from_secs(15),
        answer: 1 << 20,
    };
    /// For a block.
    pub(crate) const BLOCK: Self = Self {
        whole: Duration::from_secs(60),
        answer: 4 << 20,
    };
    /// For the state of a group, which the leader may have to wait for itself.
    pub(crate) const STATE: Self = Self {
        whole: Duration::from_secs(60),
        answer: 256 << 20,
    };
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No address answers.
    #[error("no address answers")]
    Unreachable,
    /// One end does not believe the other. `leader_said` when the other end had
    /// been recognised before it said so.
    #[error("{0}")]
    Distrust(Distrust),
    /// It answers, but not as it should.
    #[error("its answer cannot be used: {0}")]
    Answer(String),
}

/// Asks whoever answers first at one of the `addresses`. The body is made of what
/// only the two ends of the connection know, and of who the other end is.
pub(crate) async fn call<Q, A>(
    addresses: &[String],
    config: ClientConfig,
    path: &str,
    patience: Patience,
    body: impl FnOnce(&[u8; 32]) -> Q,
) -> Result<(A, PeerIdentity), CallError>
where
    Q: Serialize,
    A: DeserializeOwned,
{
    let whole = async {
        let stream = connect(addresses, config).await?;
        let tls = stream.get_ref().1;
        let broken = |error: muster_peering::PeeringError| CallError::Answer(error.to_string());
        let peer = PeerIdentity::of(tls).map_err(broken)?;
        let peer = peer.ok_or(CallError::Distrust(Distrust::Invalid))?;
        let exporter = tls::exporter(tls).map_err(broken)?;
        let mut caller = Caller::on(stream).await?;
        let (status, told) = caller.ask(path, &body(&exporter), patience.answer).await?;
        if status != StatusCode::OK {
            return Err(odd(status, &told));
        }
        let answer = serde_json::from_slice(&told);
        let answer = answer.map_err(|error| CallError::Answer(error.to_string()))?;
        Ok((answer, peer))
    };
    timeout(patience.whole, whole)
        .await
        .unwrap_or(Err(CallError::Unreachable))
}

/// A connection to a peer that takes one question after the other.
pub(crate) struct Caller(SendRequest<Full<Bytes>>);

impl Caller {
    /// Connects to whoever answers first at one of the `addresses`.
    pub(crate) async fn dial(
        addresses: &[String],
        config: ClientConfig,
    ) -> Result<Self, CallError> {
        Self::on(connect(addresses, config).await?).await
    }

    pub(super) async fn on(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, CallError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // Ends when the sender is dropped or the other end closes.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Whether the other end has hung up.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Asks for at most so many bytes. Nothing if the peer does not have them.
    pub(crate) async fn fetch<Q: Serialize>(
        &mut self,
        path: &str,
        body: &Q,
        most: usize,
    ) -> Result<Option<Bytes>, CallError> {
        match self.ask(path, body, most).await? {
            (StatusCode::OK, bytes) => Ok(Some(bytes)),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, told) => Err(odd(status, &told)),
        }
    }

    async fn ask<Q: Serialize>(
        &mut self,
        path: &str,
        body: &Q,
        most: usize,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let body =
            serde_json::to_vec(body).map_err(|error| CallError::Answer(error.to_string()))?;
        let request = Request::post(path)
            .header(header::HOST, "peer")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| CallError::Answer(error.to_string()))?;
        self.0.ready().await.map_err(|error| broken(&error))?;
        let reply = self.0.send_request(request).await;
        let reply = reply.map_err(|error| broken(&error))?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), most).collect().await;
        let body = body.map_err(|error| CallError::Answer(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}

/// Sends a request as it is, and gives the answer as it comes.
pub(super) async fn relay(
    addresses: &[String],
    config: ClientConfig,
    mut request: Request<Body>,
) -> Result<Response<Incoming>, CallError> {
    let stream = connect(addresses, config).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    tokio::spawn(connection);
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    headers.insert(header::HOST, HeaderValue::from_static("peer"));
    let reply = timeout(Patience::WORDS.whole, sender.send_request(request)).await;
    let reply = reply.map_err(|_| CallError::Unreachable)?;
    reply.map_err(|error| broken(&error))
}

fn odd(status: StatusCode, told: &[u8]) -> CallError {
    CallError::Answer(format!("{status}: {}", String::from_utf8_lossy(told)))
}

async fn connect(
    addresses: &[String],
    config: ClientConfig,
) -> Result<TlsStream<TcpStream>, CallError> {
    let connector = TlsConnector::from(Arc::new(config));
    let mut attempts: FuturesUnordered<_> = (0u32..)
        .zip(addresses)
        .map(|(place, address)| {
            let connector = connector.clone();
            async move {
                tokio::time::sleep(STAGGER * place).await;
                let handshake = async {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    let silence = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
                    set_tcp_user_timeout(&stream, silence)?;
                    connector
                        .connect(tls::server_name(Uuid::nil()), stream)
                        .await
                };
                let late = || io::Error::from(io::ErrorKind::TimedOut);
                timeout(CONNECT, handshake)
                    .await
                    .unwrap_or_else(|_| Err(late()))
            }
        })
        .collect();
    let mut distrust = None;
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => distrust = distrust.or(tls::reason(&error)),
        }
    }
    Err(distrust.map_or(CallError::Unreachable, CallError::Distrust))
}

/// With TLS 1.3 a client learns only by its first read whether it is believed.
fn broken(error: &hyper::Error) -> CallError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return tls::reason(error).map_or(CallError::Unreachable, CallError::Distrust);
        }
        source = cause.source();
    }
    CallError::Unreachable
}
