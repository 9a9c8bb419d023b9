//! What all requests and replies have in common.

use axum::{
    Json,
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{HeaderName, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use muster_api::problem::{self, Problem};
use serde::de::DeserializeOwned;

use super::problems::Refused;

/// The header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler's answer.
pub(super) type Answer<T> = Result<T, Refused>;

/// A JSON body. What is wrong with it is told by field.
pub(super) struct Input<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body must be application/json",
            )),
            Err(rejection) => Err(Refused::new(
                rejection.status(),
                "invalid-request",
                "The body cannot be read",
            )
            .detail(rejection.body_text())),
        }
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
