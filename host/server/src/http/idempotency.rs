//! `Idempotency-Key`: a change that is asked for twice is made once.
//!
//! A request is written down before it is carried out, and its answer once it
//! is. Whoever sends it again gets that answer. Between the two lies the change
//! itself, in a transaction of its own: if the host dies there, nobody can tell
//! whether it was made. Such a request is neither repeated nor answered, but
//! refused with `idempotency-unknown`, and the client has to look.
//!
//! Of the request a fingerprint is kept, to know it again: with a key that is
//! made once for each installation, since a body may hold a password, and a
//! plain digest of it could be guessed at by whoever gets a copy of the table
//! alone.
//!
//! Only answers of success are kept. A refusal has changed nothing, so the same
//! request may well be tried again.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use muster_store::{AnswerRecord, IdempotencyRecord, Store, StoreError};
use sha2::Sha256;

use super::{
    MAX_JSON,
    problems::Refused,
    reply::{Answer, Raw},
};
use crate::control::{error::ControlError, record::Actor};

/// The header that makes a request repeatable.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key.
const MAX_KEY: usize = 255;
/// The longest answer that is kept, in bytes.
const MAX_KEPT: usize = 1 << 20;
/// How long answers are kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// What else is kept of an answer besides status and body.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Under which setting the key of the fingerprints is kept.
const FINGERPRINT_KEY: &str = "idempotency.fingerprint-key";

/// Who sent a request, and with which key.
type Name = (String, String);

/// What is known of requests with a key. Clones share it.
#[derive(Clone)]
pub(crate) struct Repeats {
    store: Store,
    /// Begins every fingerprint.
    keyed: Hmac<Sha256>,
    running: Arc<Running>,
}

/// The requests that are being carried out, with their fingerprints.
#[derive(Default)]
struct Running(Mutex<HashMap<Name, String>>);

/// A request is being carried out until this is dropped.
struct Turn {
    running: Arc<Running>,
    name: Name,
}

impl Running {
    fn begin(self: &Arc<Self>, name: &Name, fingerprint: &str) -> Answer<Turn> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match running.entry(name.clone()) {
            Entry::Vacant(place) => {
                place.insert(fingerprint.to_owned());
                Ok(Turn {
                    running: Arc::clone(self),
                    name: name.clone(),
                })
            }
            Entry::Occupied(other) if other.get() == fingerprint => Err(in_progress()),
            Entry::Occupied(_) => Err(reused()),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self
            .running
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.name);
    }
}

/// Carries requests with a key out once.
pub(super) async fn once(State(repeats): State<Repeats>, request: Request, next: Next) -> Response {
    let changes = matches!(*request.method(), Method::POST | Method::PATCH);
    if !changes || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    // Whoever is not known changes nothing that needs this protection.
    let Some(actor) = request.extensions().get::<Actor>() else {
        return next.run(request).await;
    };
    let caller = match actor.user {
        Some(user) => user.to_string(),
        None => actor
            .credential
            .clone()
            .unwrap_or_else(|| actor.name.clone()),
    };
    let answer = repeats.once(caller, request, next).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

impl Repeats {
    /// Reads the key of the fingerprints; a first start makes it.
    pub(crate) async fn open(store: Store) -> Result<Self, StoreError> {
        let key = store
            .write(|tx| {
                Box::pin(async move {
                    if let Some(key) = tx.setting_get(FINGERPRINT_KEY).await? {
                        return Ok(key);
                    }
                    let key: [u8; 32] = rand::random();
                    tx.setting_put(FINGERPRINT_KEY, &key).await?;
                    Ok::<_, StoreError>(key)
                })
            })
            .await?;
        // A shorter key counts as if it were filled up with zeros.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(&key);
        Ok(Self {
            store,
            keyed: Hmac::new(&block.into()),
            running: Arc::default(),
        })
    }

    /// Carries a caller's request with a key out once.
    async fn once(&self, caller: String, request: Request, next: Next) -> Answer<Response> {
        let key = key(request.headers())?;
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let Raw::<MAX_JSON>(body) = Raw::from_request(whole, &()).await?;
        let name = (caller, key);
        let fingerprint = self.fingerprint(&parts.method, &parts.uri, &body);
        let turn = self.running.begin(&name, &fingerprint)?;
        if let Some(earlier) = self.begin(&name, &fingerprint).await? {
            return answered(earlier, &fingerprint);
        }
        let request = Request::from_parts(parts, Body::from(body));
        let this = self.clone();
        // It goes on to its end even if the client does not wait.
        let work = async move {
            let response = next.run(request).await;
            let response = this.end(&name, response).await;
            drop(turn);
            response
        };
        tokio::spawn(work)
            .await
            .map_err(|error| ControlError::Internal(format!("a request failed: {error}")).into())
    }

    /// What makes a request the same as another.
    fn fingerprint(&self, method: &Method, uri: &axum::http::Uri, body: &[u8]) -> String {
        use std::fmt::Write;
        let mut mac = self.keyed.clone();
        mac.update(format!("{method} {uri}\n").as_bytes());
        mac.update(body);
        let mut text = String::with_capacity(64);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Writes the request down, or finds the earlier one of that name.
    async fn begin(
        &self,
        name: &Name,
        fingerprint: &str,
    ) -> Result<Option<IdempotencyRecord>, ControlError> {
        let now = muster_store::now();
        let request = IdempotencyRecord {
            caller: name.0.clone(),
            key: name.1.clone(),
            fingerprint: fingerprint.to_owned(),
            answer: None,
            created_at: now,
        };
        let earlier = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let earlier = tx.idempotency_begin(&request).await?;
                    let expired = earlier
                        .as_ref()
                        .is_some_and(|earlier| now - earlier.created_at > KEPT_FOR);
                    if expired {
                        tx.idempotency_forget(&request.caller, &request.key).await?;
                        return tx.idempotency_begin(&request).await;
                    }
                    Ok(earlier)
                })
            })
            .await?;
        Ok(earlier)
    }

    /// Keeps the answer, if it is one of success; else the key may be used again,
    /// unless the host failed, for then nobody knows what it has done.
    async fn end(&self, name: &Name, response: Response) -> Response {
        let status = response.status();
        let unchanged = status.is_client_error()
            || matches!(
                status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
            );
        let (response, answer) = if status.is_success() {
            keep(response).await
        } else if unchanged {
            (response, None)
        } else {
            return response;
        };
        let (caller, key) = name.clone();
        let kept = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    match answer {
                        Some(answer) => tx.idempotency_end(&caller, &key, &answer).await,
                        None => tx.idempotency_forget(&caller, &key).await,
                    }
                })
            })
            .await;
        if let Err(error) = kept {
            tracing::warn!(%error, "the answer to a request with an idempotency key cannot be kept");
        }
        response
    }
}

fn key(headers: &HeaderMap) -> Answer<String> {
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

fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The answer to a request that came before.
fn answered(earlier: IdempotencyRecord, fingerprint: &str) -> Answer<Response> {
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
async fn keep(response: Response) -> (Response, Option<AnswerRecord>) {
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

fn reused() -> Refused {
    let title = "The idempotency key belongs to another request";
    Refused::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        title,
    )
    .detail("another path or body came with the same key")
    .remedy("use a new key for each change")
}

fn in_progress() -> Refused {
    let title = "The same request is being carried out";
    Refused::new(StatusCode::CONFLICT, "idempotency-in-progress", title)
        .detail("it came a moment ago with the same idempotency key")
        .remedy("try again in 1 s for its answer")
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, middleware, routing::post};
    use muster_api::problem::Problem;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn keys_are_visible_ascii() {
        let longest = "k".repeat(MAX_KEY);
        for good in ["k", "\"8e03978e-40d5\"", "a,b;c", longest.as_str()] {
            assert!(is_key(good), "{good}");
        }
        let too_long = "k".repeat(MAX_KEY + 1);
        for bad in ["", "a b", "\t", "ü", too_long.as_str()] {
            assert!(!is_key(bad), "{bad}");
        }
        let mut twice = HeaderMap::new();
        twice.append(KEY, HeaderValue::from_static("a"));
        assert_eq!(key(&twice).unwrap(), "a");
        twice.append(KEY, HeaderValue::from_static("a"));
        assert!(key(&twice).is_err());
    }

    #[test]
    fn one_of_the_same_name_runs_at_a_time() {
        let running = Arc::new(Running::default());
        let name = ("ada".to_owned(), "k".to_owned());
        let turn = running.begin(&name, "1").unwrap();
        let code = |answer: Answer<Turn>| answer.err().map(|refused| refused.0.code);
        assert_eq!(
            code(running.begin(&name, "1")).as_deref(),
            Some("idempotency-in-progress")
        );
        assert_eq!(
            code(running.begin(&name, "2")).as_deref(),
            Some("idempotency-key-reused")
        );
        assert_eq!(
            code(running.begin(&("bob".to_owned(), "k".to_owned()), "2")),
            None
        );
        drop(turn);
        assert_eq!(code(running.begin(&name, "2")), None);
    }

    #[tokio::test]
    async fn a_fingerprint_is_made_with_a_key_of_this_installation() {
        let fingerprint = |repeats: &Repeats, body: &str| {
            repeats.fingerprint(&Method::POST, &"/x".parse().unwrap(), body.as_bytes())
        };
        let folder = tempfile::tempdir().unwrap();
        let open = async |name: &str| {
            let store = Store::open(&folder.path().join(name)).await.unwrap();
            (Repeats::open(store.clone()).await.unwrap(), store)
        };
        let (repeats, store) = open("a.db").await;
        let again = Repeats::open(store).await.unwrap();
        let (elsewhere, _) = open("b.db").await;
        let first = fingerprint(&repeats, "password=a");
        assert_eq!(first, fingerprint(&again, "password=a"), "it is kept");
        assert_ne!(first, fingerprint(&repeats, "password=b"));
        assert_ne!(first, fingerprint(&elsewhere, "password=a"));
        use sha2::Digest;
        let plain = Sha256::digest("POST /x\npassword=a");
        let plain: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_ne!(first, plain);
    }

    /// A route that counts how often it was reached, behind keys.
    async fn app(reached: &Arc<AtomicUsize>, repeats: &Repeats) -> Router {
        let (reached, repeats) = (Arc::clone(reached), repeats.clone());
        let count = post(move |body: String| async move {
            let reached = reached.fetch_add(1, Ordering::Relaxed);
            match body.as_str() {
                "refuse" => (StatusCode::CONFLICT, HeaderMap::new(), String::new()),
                "fail" => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    HeaderMap::new(),
                    String::new(),
                ),
                "panic" => panic!("as asked"),
                "secret" => {
                    let secret = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    (
                        StatusCode::CREATED,
                        HeaderMap::from_iter([secret]),
                        "s".to_owned(),
                    )
                }
                _ => (StatusCode::CREATED, HeaderMap::new(), reached.to_string()),
            }
        });
        Router::new().route("/", count).layer(middleware::from_fn(
            move |request: Request, next: Next| {
                let repeats = repeats.clone();
                async move {
                    let answer = repeats.once("ada".to_owned(), request, next).await;
                    answer.unwrap_or_else(IntoResponse::into_response)
                }
            },
        ))
    }

    async fn send(app: &Router, key: &str, body: &str) -> (u16, String, bool) {
        let request = Request::post("/")
            .header(KEY, key)
            .body(Body::from(body.to_owned()));
        let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
        let (status, replayed) = (answer.status(), answer.headers().contains_key(REPLAYED));
        let body = to_bytes(answer.into_body(), MAX_KEPT).await.unwrap();
        let mut text = String::from_utf8(body.to_vec()).unwrap();
        if let Ok(problem) = serde_json::from_str::<Problem>(&text) {
            text = problem.code;
        }
        (status.as_u16(), text, replayed)
    }

    #[tokio::test]
    async fn what_was_answered_is_answered_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("muster.db")).await.unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let first = app(&reached, &Repeats::open(store.clone()).await.unwrap()).await;
        assert_eq!(send(&first, "a", "x").await, (201, "0".to_owned(), false));
        assert_eq!(send(&first, "a", "x").await, (201, "0".to_owned(), true));
        let other = (422, "idempotency-key-reused".to_owned(), false);
        assert_eq!(send(&first, "a", "y").await, other);
        assert_eq!(send(&first, "b", "x").await, (201, "1".to_owned(), false));

        // A refusal has changed nothing and is not kept.
        assert_eq!(send(&first, "c", "refuse").await.0, 409);
        assert_eq!(send(&first, "c", "x").await, (201, "3".to_owned(), false));
        // A secret is told once.
        assert_eq!(
            send(&first, "d", "secret").await,
            (201, "s".to_owned(), false)
        );
        let gone = (409, "idempotency-answer-gone".to_owned(), false);
        assert_eq!(send(&first, "d", "secret").await, gone);
        // Who fails may have done half of it.
        let unknown = (409, "idempotency-unknown".to_owned(), false);
        assert_eq!(send(&first, "e", "fail").await.0, 500);
        assert_eq!(send(&first, "e", "fail").await, unknown);
        assert_eq!(send(&first, "f", "panic").await.0, 500);
        assert_eq!(send(&first, "f", "panic").await, unknown);

        // All of that is still so when the host has started again.
        let reached_before = reached.load(Ordering::Relaxed);
        let second = app(&reached, &Repeats::open(store.clone()).await.unwrap()).await;
        assert_eq!(send(&second, "a", "x").await, (201, "0".to_owned(), true));
        assert_eq!(send(&second, "d", "secret").await, gone);
        assert_eq!(send(&second, "f", "panic").await, unknown);
        assert_eq!(reached.load(Ordering::Relaxed), reached_before);
    }

    #[tokio::test]
    async fn a_key_is_free_again_after_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("muster.db")).await.unwrap();
        let old = IdempotencyRecord {
            caller: "ada".to_owned(),
            key: "a".to_owned(),
            fingerprint: "of yesterday".to_owned(),
            answer: None,
            created_at: muster_store::now() - KEPT_FOR - Duration::from_secs(1),
        };
        let begun =
            store.write(move |tx| Box::pin(async move { tx.idempotency_begin(&old).await }));
        assert_eq!(begun.await.unwrap(), None);
        let reached = Arc::default();
        let app = app(&reached, &Repeats::open(store).await.unwrap()).await;
        assert_eq!(send(&app, "a", "x").await, (201, "0".to_owned(), false));
        assert_eq!(send(&app, "a", "x").await, (201, "0".to_owned(), true));
    }
}
