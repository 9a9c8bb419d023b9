//! Whose visit a request belongs to.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::Response,
};

use super::{Api, Fields, agent, cookie, origin, request_id, stopped, trouble};
use crate::control::{authorization::Visit, sessions::Origin};

/// A visit, the cookie that shows it, and where the request comes from.
pub(in crate::http::pages) struct Visitor {
    pub(in crate::http::pages) cookie: String,
    pub(in crate::http::pages) visit: Visit,
    pub(in crate::http::pages) from: Origin,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let cookie = cookie::read(api, &cookie::VISIT, &parts.headers);
        let visit = match &cookie {
            Some(cookie) => api.authorization.visit(cookie).await.map_err(stopped)?,
            None => None,
        };
        let (Some(cookie), Some(visit)) = (cookie, visit) else {
            return Err(trouble(
                StatusCode::BAD_REQUEST,
                "Nothing waits for you to sign in, or it has waited too long. Begin anew where you came from: in the console, or with muster login. Your browser must accept this page's cookie.",
            ));
        };
        let from = Origin {
            address: origin(&parts.extensions),
            agent: agent(&parts.headers),
            request: request_id(&parts.headers),
            ..Origin::default()
        };
        Ok(Self {
            cookie,
            visit,
            from,
        })
    }
}

impl Visitor {
    /// Refuses forms that are not this visit's.
    pub(super) fn check(&self, fields: &Fields) -> Result<(), Response> {
        cookie::check(&self.cookie, fields)
    }
}
