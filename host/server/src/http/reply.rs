//! What all requests and replies have in common.

use axum::{
    Json,
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_api::{
    problem::{self, Problem},
    units::ByteSize,
};
use serde::de::DeserializeOwned;

use super::{MAX_JSON, MAX_PUBLIC, problems::Refused};
use crate::control::{error::ControlError, record::Actor};

/// How deeply a JSON body may be nested.
const MAX_DEPTH: usize = 32;

/// The header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler's answer.
pub(super) type Answer<T> = Result<T, Refused>;

/// An answer with a secret, which nobody on the way may keep.
pub(super) struct Unkept<T>(pub(super) T);

impl<T: IntoResponse> IntoResponse for Unkept<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
        response
    }
}

/// A JSON object. What is wrong with it is told by field.
pub(super) struct Input<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(is_json);
        if !json {
            let title = "The body must be application/json";
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                title,
            ));
        }
        // Nobody whom one does not know has much to say.
        let bytes = if request.extensions().get::<Actor>().is_some() {
            Raw::<MAX_JSON>::from_request(request, state).await?.0
        } else {
            Raw::<MAX_PUBLIC>::from_request(request, state).await?.0
        };
        // A list would be taken for an object's values in their order.
        if bytes
            .trim_ascii_start()
            .first()
            .is_some_and(|first| *first != b'{')
        {
            return Err(unreadable(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the body must be a JSON object",
            ));
        }
        if is_deep(&bytes) {
            let why = format!("it is nested more than {MAX_DEPTH} levels deep");
            return Err(unreadable(StatusCode::BAD_REQUEST, &why));
        }
        match Json::<T>::from_bytes(&bytes) {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable(rejection.status(), &rejection.body_text())),
        }
    }
}

/// Whether a JSON text opens more objects and lists than any request needs.
/// Nothing is parsed before this is known: depth is what parsers pay for.
fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn is_json(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unreadable(status: StatusCode, why: &str) -> Refused {
    Refused::new(status, "invalid-request", "The body cannot be read").detail(why)
}

/// A body of at most so many bytes.
pub(super) struct Raw<const LIMIT: usize>(pub(super) Bytes);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for Raw<LIMIT> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let announced = request.body().size_hint().lower();
        let read = if announced > LIMIT as u64 {
            None
        } else {
            to_bytes(request.into_body(), LIMIT).await.ok()
        };
        read.map(Self).ok_or_else(|| {
            let why = format!(
                "the body broke off, or has more than the allowed {}",
                ByteSize(LIMIT as u64)
            );
            unreadable(StatusCode::PAYLOAD_TOO_LARGE, &why)
        })
    }
}

/// Parameters after the `?`.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|rejection| {
                Refused::new(
                    StatusCode::BAD_REQUEST,
                    "invalid-query",
                    "The query cannot be read",
                )
                .detail(rejection.body_text())
            })
    }
}

/// Parameters of the path.
pub(super) struct Segment<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|rejection| {
                Refused::new(
                    StatusCode::NOT_FOUND,
                    "no-such-thing",
                    "The path names nothing that could exist",
                )
                .detail(rejection.body_text())
            })
    }
}

/// Logs each request once, and puts its id into problem documents.
pub(super) async fn trace(request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let response = next.run(request).await;
    let status = response.status();
    tracing::debug!(%method, path, status = status.as_u16(), request = id, took = ?started.elapsed(), "api");
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == problem::MEDIA_TYPE.as_bytes());
    if is_problem {
        with_id(response, &id).await
    } else {
        response
    }
}

async fn with_id(response: Response, id: &str) -> Response {
    /// Ours are far smaller.
    const MAX_PROBLEM: usize = 1 << 20;
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, MAX_PROBLEM)
        .await
        .unwrap_or_default();
    let told = serde_json::from_slice::<Problem>(&bytes)
        .ok()
        .and_then(|mut problem| {
            problem.request_id = Some(id.to_owned());
            serde_json::to_vec(&problem).ok()
        });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(told.unwrap_or_else(|| bytes.to_vec())))
}

/// A change goes on even if the client does not wait: the database and what is in
/// force must not differ.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ControlError> {
    let failed = |error| ControlError::Internal(format!("a change failed: {error}"));
    tokio::spawn(work).await.map_err(failed)?
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, is_deep};

    #[test]
    fn depth_is_seen_whatever_stands_in_strings() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!is_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(is_deep(nested(MAX_DEPTH + 1).as_bytes()));
        let wide = "{},".repeat(100);
        assert!(!is_deep(format!("[{wide}{{}}]").as_bytes()));
        let open = "[".repeat(100);
        assert!(!is_deep(format!(r#"{{"a":"{open}\"{open}"}}"#).as_bytes()));
        assert!(is_deep(format!(r#"{{"a":"\\",{open}"#).as_bytes()));
    }
}
