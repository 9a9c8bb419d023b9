//! How this host is, for whoever is to send requests here.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};

/// The path that every host answers itself, whatever the host name: 200 as long
/// as it takes requests, 503 otherwise.
pub(crate) const HEALTH: &str = "/.well-known/muster/health";

/// The answer.
pub(crate) fn reply<B>(takes_requests: bool) -> Response<Either<B, Full<Bytes>>> {
    let (status, text) = if takes_requests {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "takes no requests\n")
    };
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(
        text.as_bytes(),
    ))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
