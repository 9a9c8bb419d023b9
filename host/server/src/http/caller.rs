//! Who makes a request, as [`authorise`](super::authorise) has found.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    Api,
    authorise::{origin, request_id},
    problems::Refused,
};
use crate::control::{error::ControlError, record::Actor};

/// Somebody who may call the operation.
pub(super) struct Caller(pub(super) Actor);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refused> {
        let actor = parts.extensions.get::<Actor>().cloned();
        // An operation whose handler asks for its caller is not public.
        let missing = || ControlError::Internal("nobody was authorised".to_owned());
        Ok(Self(actor.ok_or_else(missing)?))
    }
}

/// Somebody of whom nothing is known but where they ask from: the caller of a
/// public operation.
pub(super) struct Visitor(pub(super) Actor);

impl FromRequestParts<Api> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refused> {
        Ok(Self(Actor {
            origin: origin(&parts.extensions),
            request: request_id(&parts.headers),
            rights: Arc::default(),
            ..Actor::host("visitor")
        }))
    }
}
