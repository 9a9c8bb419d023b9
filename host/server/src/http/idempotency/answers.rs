//! Keys as they are read, and what a request that came before is answered.

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use muster_store::{AnswerRecord, IdempotencyRecord};

use super::{KEPT_HEADERS, KEY, MAX_KEPT, MAX_KEY, REPLAYED};
use crate::http::{problems::Refused, reply::Answer};

pub(super) fn key(headers: &HeaderMap) -> Answer<String> {
    let mut all = headers.get_all(KEY).iter();
    let key = all.next().and_then(|key| key.to_str().ok());
    key.filter(|key| all.next().is_none() && is_key(key))
        .map(str::to_owned)
        .ok_or_else(|| {
            let title = "The idempotency key cannot be read";
            Refused::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid", title)
                .detail(format!("a key is 1 to {MAX_KEY} visible ASCII characters"))
                .remedy("send one Idempotency-Key, such as a random UUID")
        })
}

pub(super) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The answer to a request that came before.
pub(super) fn answered(earlier: IdempotencyRecord, fingerprint: &str) -> Answer<Response> {
    if earlier.fingerprint != fingerprint {
        return Err(reused());
    }
    let look = "look whether it was made; to make it once more, use another Idempotency-Key";
    let Some(answer) = earlier.answer else {
        let title = "Nobody can tell whether this change was made";
        return Err(
            Refused::new(StatusCode::CONFLICT, "idempotency-unknown", title)
                .detail("the host ended, or failed, while it carried this request out")
                .remedy(look),
        );
    };
    let Some(body) = answer.body else {
        let title = "This change was made, but its answer is not kept";
        return Err(
            Refused::new(StatusCode::CONFLICT, "idempotency-answer-gone", title)
                .detail("answers that are secret or very large are given once")
                .remedy(look),
        );
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    let yes = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, yes);
    Ok(response)
}

/// What is kept of an answer. A secret is not, nor what is very large or has no
/// known end.
pub(super) async fn keep(response: Response) -> (Response, Option<AnswerRecord>) {
    let (parts, body) = response.into_parts();
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = KEPT_HEADERS
        .iter()
        .filter_map(|name| Some((name.to_string(), text(parts.headers.get(name)?)?)))
        .collect();
    let mut answer = AnswerRecord {
        status: parts.status.as_u16(),
        headers,
        body: None,
    };
    let secret = parts
        .headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.as_bytes() == b"no-store");
    let small = body
        .size_hint()
        .exact()
        .is_some_and(|size| size <= MAX_KEPT as u64);
    if secret || !small {
        return (Response::from_parts(parts, body), Some(answer));
    }
    let bytes = to_bytes(body, MAX_KEPT).await.unwrap_or_default();
    answer.body = Some(bytes.to_vec());
    (Response::from_parts(parts, Body::from(bytes)), Some(answer))
}

pub(super) fn reused() -> Refused {
    let title = "The idempotency key belongs to another request";
    Refused::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        title,
    )
    .detail("another path or body came with the same key")
    .remedy("use a new key for each change")
}

pub(super) fn in_progress() -> Refused {
    let title = "The same request is being carried out";
    Refused::new(StatusCode::CONFLICT, "idempotency-in-progress", title)
        .detail("it came a moment ago with the same idempotency key")
        .remedy("try again in 1 s for its answer")
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
