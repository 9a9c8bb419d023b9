//! Who may call what: each request is matched against the table of operations
//! before its handler sees it.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Extensions, HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_api::permissions::{Access, Permission, operation};

use super::{
    Api, client_address,
    rate_limits::{Identity, Meter},
    refusals::Claim,
    reply::{Answer, REQUEST_ID},
};
use crate::{
    control::{error::ControlError, record::Actor, rights::Rights, sessions::Bearer},
    peers::calls::Delegate,
};

/// Lets a request through to its handler if its caller may call it, and tells
/// the handler who that is.
pub(super) async fn authorise(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&api, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refused.into_response(),
    }
}

async fn admit(api: &Api, request: &mut Parts) -> Answer<()> {
    let path = request.extensions.get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    // What the table does not have is not open to anybody.
    let operation = operation(request.method.as_str(), path).ok_or_else(|| {
        ControlError::Internal(format!("{} {path} is no operation", request.method))
    })?;
    if operation.access == Access::Public {
        return Ok(());
    }
    let mut actor = authenticate(api, request).await?;
    if let Some(meter) = request.extensions.get::<Meter>() {
        // A key counts for itself alone: a script that runs wild with it locks
        // out neither whose it is nor their other keys.
        match (&actor.key, actor.user) {
            (Some(key), _) => meter.take(Identity::of_key(key))?,
            (None, Some(user)) => meter.take(Identity::User(user.0))?,
            (None, None) => {}
        }
    }
    match operation.access {
        Access::Public | Access::SignedIn => {}
        Access::InPerson => actor.in_person()?,
        // That it is the key that the path names is checked with the key.
        Access::OwnKey if actor.key.is_some() && actor.user.is_some() => {}
        Access::OwnKey => actor.in_person()?,
        Access::Needs(permission) => {
            if !actor.rights.anywhere(permission) {
                return Err(ControlError::Forbidden { permission }.into());
            }
            let decides = matches!(
                permission,
                Permission::AppWrite
                    | Permission::AppDelete
                    | Permission::AppEnv
                    | Permission::RouteWrite
                    | Permission::BundleWrite
            );
            if decides && request.method != Method::GET {
                api.links.decides()?;
            }
            actor.permission = Some(permission);
        }
    }
    request.extensions.insert(actor);
    Ok(())
}

/// Who shows the request's token.
pub(super) async fn authenticate(api: &Api, request: &Parts) -> Result<Actor, ControlError> {
    if let Some(who) = request.extensions.get::<Delegate>() {
        return Ok(delegated(who, request));
    }
    let token = bearer(&request.headers).ok_or(ControlError::Unauthorized(
        "the request has no access token",
    ))?;
    let origin = origin(&request.extensions);
    let request_id = request_id(&request.headers);
    let shown = api.sessions.read(token)?;
    let until = Some(shown.expires_at);
    let actor = match shown.claims {
        Bearer::Session(claims) => {
            let (user, session) = api.sessions.admit(&claims).await?;
            let rights = Rights::of_user(&api.store, &user, session.scopes.as_deref()).await?;
            Actor {
                user: Some(user.id),
                session: Some(session.id),
                key: None,
                scopes: session.scopes.map(|scopes| scopes.into_iter().collect()),
                credential: Some(format!("session {}", session.id)),
                until,
                origin,
                request: request_id,
                permission: None,
                rights: Arc::new(rights),
                name: user.name,
            }
        }
        Bearer::Key(claims) => {
            let used = api.keys.admit(&claims, origin.as_deref()).await?;
            Actor {
                name: used.name(),
                user: used.user.map(|user| user.id),
                session: None,
                scopes: used.scopes,
                credential: Some(format!("key {}", used.key.id)),
                until,
                key: Some(used.key.id),
                origin,
                request: request_id,
                permission: None,
                rights: Arc::new(used.rights),
            }
        }
    };
    if let Some(claim) = request.extensions.get::<Claim>() {
        claim.is(&actor.name, actor.credential.as_deref());
    }
    Ok(actor)
}

/// Whoever asks through the leader, which has checked that they may.
fn delegated(who: &Delegate, request: &Parts) -> Actor {
    Actor {
        origin: who.origin.clone(),
        request: request_id(&request.headers),
        credential: Some(format!("{} through the leader", who.name)),
        rights: Arc::new(Rights::only(who.permission)),
        ..Actor::host(who.name.clone())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// The address that a request came from.
pub(super) fn origin(extensions: &Extensions) -> Option<String> {
    client_address::of(extensions).map(|address| address.to_string())
}

/// A request's id.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?;
    id.to_str().ok().map(str::to_owned)
}
