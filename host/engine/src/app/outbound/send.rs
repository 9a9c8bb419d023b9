//! Sending one request, to an address that was checked.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response, Uri, uri::Scheme};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody};

use super::policy::OutboundPolicy;

/// How long connecting and each wait for bytes may take, unless the guest asks
/// for less. The app's own time limit usually ends it sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request if the policy allows it.
pub(super) async fn send(
    policy: &OutboundPolicy,
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<(
    Response<WasiBody>,
    Box<dyn Future<Output = Result<()>> + Send>,
)> {
    let options = options.unwrap_or_default();
    let connect_patience = options.connect_timeout.unwrap_or(PATIENCE);
    let uri = request.uri();
    let tls = uri.scheme() == Some(&Scheme::HTTPS);
    let host = uri
        .host()
        .ok_or(Error::HttpRequestUriInvalid)?
        .to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    if !policy.allows_host(&host, port) {
        return Err(Error::HttpRequestDenied);
    }
    let connecting = async {
        let stream = TcpStream::connect(&*addresses(policy, &host, port).await?)
            .await
            .map_err(Error::Connect)?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Connection> = if tls {
            Box::new(encrypt(&host, stream).await?)
        } else {
            Box::new(stream)
        };
        Ok::<_, Error>(stream)
    };
    let stream = timeout(connect_patience, connecting)
        .await
        .map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    *request.uri_mut() =
        request
            .uri()
            .path_and_query()
            .map_or(Ok(Uri::from_static("/")), |path| {
                Uri::builder()
                    .path_and_query(path.clone())
                    .build()
                    .map_err(|_| Error::HttpRequestUriInvalid)
            })?;
    let driver = wasmtime_wasi::runtime::spawn(connection);
    let response = timeout(
        options.first_byte_timeout.unwrap_or(PATIENCE),
        sender.send_request(request),
    )
    .await
    .map_err(|_| Error::ConnectionReadTimeout)??;
    let finished = Box::new(async move { driver.await.map_err(Error::from) });
    Ok((
        response.map(|body| body.map_err(Error::from).boxed_unsync()),
        finished,
    ))
}

/// Resolves a name once and checks what it stands for, so that an answer that
/// changes between check and use changes nothing.
async fn addresses(policy: &OutboundPolicy, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((name, port))
        .await
        .map_err(|error| Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        })?;
    let allowed: Vec<SocketAddr> = found
        .filter(|address| policy.allows_address(address.ip()))
        .collect();
    if allowed.is_empty() {
        Err(Error::DestinationIpProhibited)
    } else {
        Ok(allowed)
    }
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

async fn encrypt(host: &str, stream: TcpStream) -> Result<impl Connection + use<>> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(name.to_owned())?;
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| Error::Tls(std::io::Error::other(error)))?
    .with_root_certificates(roots)
    .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(Error::Tls)
}
