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

mod answers;
mod running;

use self::{
    answers::{answered, in_progress, keep, key, reused},
    running::Running,
};
use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request, State},
    http::{HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use muster_store::{IdempotencyRecord, Store, StoreError};
use sha2::Sha256;

use super::{
    MAX_JSON,
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

#[cfg(test)]
mod tests;
