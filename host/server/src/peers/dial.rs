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
use muster_api::lenient;
use muster_peering::tls::{self, Distrust, PeerIdentity};
use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_user_timeout,
};
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
/// How often a peer is asked for a sign of life that says nothing else.
const PROBE: Duration = Duration::from_secs(2);
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
    /// This end does not believe the other.
    #[error("{0}")]
    Distrust(Distrust),
    /// The other end does not believe this one. It had been recognised before it
    /// said so, so that it is its word.
    #[error("it answers: {0}")]
    Refused(Distrust),
    /// It was asked and gave no answer: it may have done what it was asked for.
    #[error("it was asked, and gave no answer")]
    Unsure,
    /// It is a host that leads no more, or not yet.
    #[error("it does not lead")]
    Elsewhere,
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
        let answer = serde_json::from_slice(&told).and_then(lenient::from_value);
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

/// Sends a request as it is, and gives the answer as it comes, once it begins
/// within `patience`. Whatever fails but
/// with [`CallError::Unsure`] has failed before the request was sent, or was
/// refused.
pub(super) async fn relay(
    addresses: &[String],
    config: ClientConfig,
    request: Request<Body>,
    patience: Duration,
) -> Result<Response<Incoming>, CallError> {
    Relay::dial(addresses, config)
        .await?
        .send(request, patience)
        .await
}

/// A connection on which one request goes as it is.
pub(super) struct Relay(SendRequest<Body>);

impl Relay {
    /// Connects to whoever answers first at one of the `addresses`.
    pub(super) async fn dial(
        addresses: &[String],
        config: ClientConfig,
    ) -> Result<Self, CallError> {
        let stream = connect(addresses, config).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends the request; see [`relay`].
    pub(super) async fn send(
        mut self,
        mut request: Request<Body>,
        patience: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        let headers = request.headers_mut();
        headers.remove(header::CONNECTION);
        headers.insert(header::HOST, HeaderValue::from_static("peer"));
        let reply = timeout(patience, self.0.send_request(request)).await;
        let reply = reply.map_err(|_| CallError::Unsure)?;
        reply.map_err(|error| match broken(&error) {
            CallError::Unreachable if !error.is_canceled() => CallError::Unsure,
            known => known,
        })
    }
}

fn odd(status: StatusCode, told: &[u8]) -> CallError {
    if status == StatusCode::MISDIRECTED_REQUEST {
        return CallError::Elsewhere;
    }
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
                    // Also while this end only waits for an answer.
                    set_socket_keepalive(&stream, true)?;
                    set_tcp_keepidle(&stream, PROBE)?;
                    set_tcp_keepintvl(&stream, PROBE)?;
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
            // What the other end says before it is recognised is nobody's word.
            Err(error) if tls::told(&error).is_some() => {}
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
            return tls::told(error).map_or(CallError::Unreachable, CallError::Refused);
        }
        source = cause.source();
    }
    CallError::Unreachable
}

#[cfg(test)]
mod tests {
    use muster_peering::{
        Anchors, Authority, HostKey, Leaf,
        tls::{client_config, leader_config, server_config},
    };
    use time::OffsetDateTime;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::{super::WORDS_ALPN, *};

    /// Fatal, `certificate_revoked`, as TLS has it before anything is encrypted.
    const REVOKED: [u8; 7] = [21, 3, 3, 0, 2, 2, 44];

    /// A host that is a group of its own.
    struct Lone {
        id: Uuid,
        key: HostKey,
        leaf: Leaf,
        anchors: Anchors,
    }

    fn lone() -> Lone {
        let (id, now) = (Uuid::from_u128(1), OffsetDateTime::now_utc());
        let authority = Authority::generate(id, now).unwrap();
        let key = HostKey::generate().unwrap();
        let csr = key.csr(id).unwrap();
        Lone {
            id,
            leaf: authority.issue(&csr, id, now, time::Duration::DAY).unwrap(),
            anchors: Anchors::new([authority.certificate()]).unwrap(),
            key,
        }
    }

    #[tokio::test]
    async fn what_a_stranger_says_at_the_address_of_the_leader_is_not_its_word() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(&REVOKED).await.unwrap();
            // Until the other end has read it.
            let _ = stream.read(&mut [0; 4096]).await;
        });
        let Lone {
            key, leaf, anchors, ..
        } = lone();
        let leader = PeerIdentity {
            host: Uuid::from_u128(2),
            fingerprint: key.fingerprint(),
        };
        let config = leader_config(&leaf, &key, &anchors, &leader, WORDS_ALPN).unwrap();
        let path = "/peer/v1/say";
        let said = call::<_, ()>(&[address], config, path, Patience::WORDS, |_| ()).await;
        let error = said.unwrap_err();
        assert!(matches!(error, CallError::Unreachable), "{error:?}");
    }

    /// What comes of a call that is carried to a host which goes away after the
    /// handshake, before or after it has read the call.
    async fn carried_to_one_that_goes(after_reading: bool) -> CallError {
        let host = lone();
        let (leaf, key, anchors) = (&host.leaf, &host.key, &host.anchors);
        let members = Arc::new(|_, _| true);
        let served = server_config(leaf, key, anchors, members, WORDS_ALPN).unwrap();
        let config = client_config(leaf, key, anchors, host.id, WORDS_ALPN).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if after_reading {
                let acceptor = TlsAcceptor::from(Arc::new(served));
                let mut stream = acceptor.accept(stream).await.unwrap();
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            }
        });
        let request = Request::post("/peer/v1/call/x").body(Body::empty());
        relay(&[address], config, request.unwrap(), Patience::WORDS.whole)
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn whether_a_call_was_heard_is_known_only_before_it_is_sent() {
        let error = carried_to_one_that_goes(false).await;
        assert!(matches!(error, CallError::Unreachable), "{error:?}");
        let error = carried_to_one_that_goes(true).await;
        assert!(matches!(error, CallError::Unsure), "{error:?}");
    }
}
