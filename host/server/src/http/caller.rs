//! Who makes a request. Handlers that take a [`Caller`] refuse without a token.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{header, request::Parts},
};

use super::{
    Api,
    problems::Refused,
    rate_limits::{Identity, Meter},
    reply::REQUEST_ID,
};
use crate::control::{error::ControlError, record::Actor};

/// Somebody who showed a good access token.
pub(super) struct Caller(pub(super) Actor);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            return Ok(Self(actor.clone()));
        }
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let token = token.ok_or(ControlError::Unauthorized(
            "the request has no access token",
        ))?;
        let claims = api.tokens.check(token)?;
        if let Some(meter) = parts.extensions.get::<Meter>() {
            meter.take(Identity::User(claims.sub.0))?;
        }
        let origin = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip().to_string());
        let request = parts
            .headers
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        let actor = Actor {
            name: claims.name,
            origin,
            request,
        };
        parts.extensions.insert(actor.clone());
        Ok(Self(actor))
    }
}
