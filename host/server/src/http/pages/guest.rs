//! Somebody in front of a form who is not signing in.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
    response::Response,
};
use muster_identity::secret::{self, Kind};

use super::{super::Api, Fields, cookie, page::stopped};

/// A browser, by a cookie that ties its forms to it.
pub(super) struct Guest {
    cookie: String,
    /// Whether the browser does not have the cookie yet.
    is_new: bool,
    /// Whether a sign-in waits in this browser, to which it can go back.
    pub(super) sign_in_waits: bool,
}

impl FromRequestParts<Api> for Guest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let visit = cookie::read(api, &cookie::VISIT, &parts.headers);
        let visit = match visit {
            Some(cookie) => api.authorization.visit(&cookie).await.map_err(stopped)?,
            None => None,
        };
        let known = cookie::read(api, &cookie::FORM, &parts.headers);
        let known = known.filter(|cookie| !cookie.is_empty());
        Ok(Self {
            is_new: known.is_none(),
            cookie: known.unwrap_or_else(|| secret::issue(Kind::Session).text.expose().to_owned()),
            sign_in_waits: visit.is_some(),
        })
    }
}

impl Guest {
    /// What the forms of this browser send along.
    pub(super) fn token(&self) -> String {
        cookie::form_token(&self.cookie)
    }

    /// Refuses forms that are not this browser's.
    pub(super) fn check(&self, fields: &Fields) -> Result<(), Response> {
        cookie::check(&self.cookie, fields)
    }

    /// The cookie for a browser that has none.
    pub(super) fn cookie(&self, api: &Api) -> Option<HeaderValue> {
        let wanted = self.is_new.then_some(&self.cookie);
        wanted.and_then(|secret| cookie::write(api, &cookie::FORM, secret))
    }
}
