//! `/session`: how a browser is signed in. What renews the session stays in a
//! cookie that no script can read; the access token goes to the page, which keeps
//! it in memory alone.
//!
//! The cookie alone does not do: a page of another site could have it sent along.
//! So each request must have a header that only this host's own pages can set, and
//! browsers that tell where a request comes from must tell that it is from here.

use axum::{
    Extension, Json, Router,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use muster_api::tokens::{CONSOLE_CLIENT, TokenReply, TokenRequest};

use super::super::{
    Api,
    authorise::{origin, request_id},
    oauth::{self, BasicHeader, Denied, Fields, agent},
    pages::{self, Name},
    problems::Refused,
    rate_limits,
    refusals::Claim,
};
use crate::control::{error::ControlError, sessions::Origin, sign_in::SignInError};

/// What the console's requests have.
const MARK: &str = "muster-console";
/// What renews a session.
const COOKIE: Name = Name {
    secure: "__Host-muster-session",
    plain: "muster-session",
};

pub(in crate::http) fn routes() -> Router<Api> {
    let renewal = Router::new().route("/session/renewal", post(renew));
    Router::new()
        .route("/session", post(begin).delete(end))
        .layer(middleware::from_fn(rate_limits::sign_in))
        .merge(renewal)
}

/// A request of this host's own pages.
struct OwnPage;

impl FromRequestParts<Api> for OwnPage {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refused> {
        if is_own(&parts.headers) {
            return Ok(Self);
        }
        Err(Refused::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This is for the console's own pages",
        )
        .detail("the request does not come from a page of this host")
        .remedy("programs get tokens at /oauth/token"))
    }
}

fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    headers.contains_key(MARK) && site.is_none_or(|site| site == "same-origin")
}

/// `POST /session`: signs somebody in with what `/oauth/token` takes of people.
async fn begin(
    State(api): State<Api>,
    Extension(claim): Extension<Claim>,
    _: OwnPage,
    Fields(mut request, origin): Fields<TokenRequest>,
) -> Result<Response, Denied> {
    if !["password", "authorization_code"].contains(&request.grant_type.as_str()) {
        let why = "the console signs people in, with a password or a code";
        return Err(SignInError::refused("unsupported_grant_type", why).into());
    }
    request.client_id = Some(CONSOLE_CLIENT.to_owned());
    let reply = oauth::grant(&api, &claim, BasicHeader::Absent, request, origin).await?;
    Ok(keep(&api, reply))
}

/// `POST /session/renewal`: a new access token, and a new secret in the cookie.
async fn renew(State(api): State<Api>, _: OwnPage, headers: HeaderMap) -> Response {
    let Some(secret) = pages::read(&api, &COOKIE, &headers).filter(|it| !it.is_empty()) else {
        // Whoever opens the console for the first time asks this, too.
        return StatusCode::NO_CONTENT.into_response();
    };
    match api.sessions.refresh(&secret).await {
        Ok(reply) => keep(&api, reply),
        Err(error @ (ControlError::Unauthorized(_) | ControlError::TermsRequired(_))) => {
            tracing::debug!(%error, "a session of the console is over");
            with_cookie(
                StatusCode::NO_CONTENT.into_response(),
                pages::forget(&api, &COOKIE),
            )
        }
        Err(error) => Refused::from(error).into_response(),
    }
}

/// `DELETE /session`: signs out.
async fn end(
    State(api): State<Api>,
    _: OwnPage,
    Extension(claim): Extension<Claim>,
    headers: HeaderMap,
    request: axum::extract::Request,
) -> Response {
    claim.tries(None);
    if let Some(secret) = pages::read(&api, &COOKIE, &headers).filter(|it| !it.is_empty()) {
        let from = Origin {
            address: origin(request.extensions()),
            agent: agent(&headers),
            request: request_id(&headers),
            ..Origin::default()
        };
        if let Err(error) = api.sessions.revoke(&secret, &from).await {
            return Refused::from(error).into_response();
        }
    }
    with_cookie(
        StatusCode::NO_CONTENT.into_response(),
        pages::forget(&api, &COOKIE),
    )
}

/// Parts the tokens: one for the cookie, one for the page.
fn keep(api: &Api, mut reply: TokenReply) -> Response {
    let secret = reply.refresh_token.take().unwrap_or_default();
    let cookie = pages::write_strictly(api, &COOKIE, &secret);
    with_cookie(Json(reply).into_response(), cookie)
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn requests_of_other_sites_are_told_apart() {
        let marked = HeaderName::from_static(MARK);
        let site = HeaderName::from_static("sec-fetch-site");
        let headers = |fields: &[(&HeaderName, &'static str)]| -> HeaderMap {
            let fields = fields.iter();
            fields
                .map(|(name, value)| ((*name).clone(), HeaderValue::from_static(value)))
                .collect()
        };
        assert!(is_own(&headers(&[(&marked, "1")])));
        assert!(is_own(&headers(&[(&marked, "1"), (&site, "same-origin")])));
        for site_told in ["cross-site", "same-site", "none"] {
            assert!(
                !is_own(&headers(&[(&marked, "1"), (&site, site_told)])),
                "{site_told}"
            );
        }
        assert!(!is_own(&headers(&[(&site, "same-origin")])));
        assert!(!is_own(&HeaderMap::new()));
    }
}
