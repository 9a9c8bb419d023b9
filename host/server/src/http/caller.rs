//! Who makes a request, as [`authorise`](super::authorise) has found.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{Api, problems::Refused};
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
