//! Has refused attempts written into the audit log: the one place that looks at
//! every answer of an operation.
//!
//! It stands outside of whatever finds out who asks, which leaves that in the
//! [`Claim`] of the request's extensions.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use muster_api::permissions::operation;

use super::authorise::{origin, request_id};
use crate::control::audit::{Audit, Refusal};

/// Who somebody is or says to be, as far as the request has come. Whoever finds
/// out says so here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim(Arc<Mutex<Claimed>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Claimed {
    name: Option<String>,
    credential: Option<String>,
    /// Whether they try to become somebody: then every refusal counts.
    signing_in: bool,
}

impl Claim {
    /// They have shown who they are, by this credential.
    pub(crate) fn is(&self, name: &str, credential: Option<&str>) {
        self.set(Claimed {
            name: Some(name.to_owned()),
            credential: credential.map(str::to_owned),
            signing_in: false,
        });
    }

    /// They want to sign in: under this name, or by what alone says who they are.
    pub(crate) fn tries(&self, name: Option<&str>) {
        self.set(Claimed {
            name: name.map(str::to_owned),
            credential: None,
            signing_in: true,
        });
    }

    fn set(&self, claimed: Claimed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = claimed;
    }

    fn get(&self) -> Claimed {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What a refusal is called. Left in the response's extensions by whoever
/// refuses.
#[derive(Debug, Clone)]
pub(crate) struct Code(pub(crate) String);

/// Looks at the answer, and has it written down if it is a refusal that counts.
pub(super) async fn note(State(audit): State<Audit>, mut request: Request, next: Next) -> Response {
    let claim = Claim::default();
    request.extensions_mut().insert(claim.clone());
    let method = request.method().clone();
    let shown = request.headers().contains_key(header::AUTHORIZATION);
    let path = request.uri().path().to_owned();
    let matched = request.extensions().get::<MatchedPath>();
    let matched = matched.map(|matched| matched.as_str().to_owned());
    let (origin, id) = (origin(request.extensions()), request_id(request.headers()));
    let response = next.run(request).await;
    let claimed = claim.get();
    if !counts(&method, response.status(), shown, &claimed) {
        return response;
    }
    let code = response.extensions().get::<Code>();
    audit.refused(Refusal {
        actor: claimed.name,
        proven: !claimed.signing_in,
        credential: claimed.credential,
        action: action(&method, matched.as_deref().unwrap_or(&path)),
        subject: subject(matched.as_deref(), &path).to_owned(),
        origin,
        request: id,
        code: code.map_or_else(
            || response.status().as_str().to_owned(),
            |code| code.0.clone(),
        ),
    });
    response
}

/// Whether an answer is a refusal that belongs into the log: of rights to
/// anybody who claims them, of a change to whoever may ask for it, and of every
/// attempt to sign in.
fn counts(method: &Method, status: StatusCode, shown: bool, claimed: &Claimed) -> bool {
    match status {
        StatusCode::UNAUTHORIZED => shown || claimed.signing_in,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => true,
        status if status.is_client_error() => {
            claimed.signing_in || (claimed.name.is_some() && !method.is_safe())
        }
        _ => false,
    }
}

/// What was to be done, in the words of the log: `app.delete` for `app_delete`.
fn action(method: &Method, path: &str) -> String {
    match operation(method.as_str(), path) {
        Some(operation) => operation.id.replacen('_', ".", 1),
        None => format!("{method} {path}"),
    }
}

/// What it is about, as what is done calls it: the first thing that the path
/// names; of a path that names nothing, all of it.
fn subject<'a>(matched: Option<&str>, path: &'a str) -> &'a str {
    let parts = matched.unwrap_or_default().split('/').zip(path.split('/'));
    let mut named = parts.filter(|(pattern, _)| pattern.starts_with('{'));
    named.next().map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_rights_changes_and_logins_count() {
        let (nobody, known, trying) = (Claim::default(), Claim::default(), Claim::default());
        known.is("ada", Some("session 1"));
        trying.tries(Some("ada"));
        for (method, status, shown, claim, expected) in [
            (Method::GET, 200, true, &known, false),
            (Method::GET, 401, false, &nobody, false),
            (Method::GET, 401, true, &nobody, true),
            (Method::GET, 403, true, &known, true),
            (Method::GET, 404, true, &known, false),
            (Method::DELETE, 404, true, &known, true),
            (Method::POST, 413, true, &known, true),
            (Method::POST, 409, true, &known, true),
            (Method::POST, 409, false, &nobody, false),
            (Method::POST, 429, false, &nobody, true),
            (Method::POST, 400, false, &trying, true),
            (Method::POST, 400, false, &nobody, false),
            (Method::POST, 500, true, &known, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = counts(&method, status, shown, &claim.get());
            assert_eq!(found, expected, "{method} {status} {shown} {claim:?}");
        }
    }

    #[test]
    fn actions_and_subjects_are_called_as_in_the_log() {
        let member = Some("/api/v1/projects/{project}/members/{user}");
        for (matched, path, expected) in [
            (Some("/api/v1/apps/{app}"), "/api/v1/apps/shop", "shop"),
            (member, "/api/v1/projects/shop/members/eve", "shop"),
            (Some("/api/v1/routes"), "/api/v1/routes", "/api/v1/routes"),
            (None, "/api/v1/apps/shop", "/api/v1/apps/shop"),
        ] {
            assert_eq!(subject(matched, path), expected);
        }
        assert_eq!(action(&Method::DELETE, "/api/v1/apps/{app}"), "app.delete");
        assert_eq!(action(&Method::POST, "/nowhere"), "POST /nowhere");
    }
}
