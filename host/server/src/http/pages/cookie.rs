//! The cookie that ties a visit to a browser, and the token that ties a form to
//! the visit.

use axum::http::{HeaderMap, HeaderValue, header};
use muster_identity::secret;

use super::super::Api;

/// The name over HTTPS: browsers keep it to this very host and to HTTPS.
const SECURE: &str = "__Host-muster-sign-in";
/// The name over HTTP, on a machine's own address.
const PLAIN: &str = "muster-sign-in";

fn is_secure(api: &Api) -> bool {
    api.authorization.public_url().starts_with("https://")
}

/// What the browser shows.
pub(super) fn read(api: &Api, headers: &HeaderMap) -> Option<String> {
    let wanted = if is_secure(api) { SECURE } else { PLAIN };
    let lines = headers.get_all(header::COOKIE).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// Has the browser keep a secret until it is closed.
pub(super) fn write(api: &Api, secret: &str) -> Option<HeaderValue> {
    set(api, secret, "")
}

/// Has the browser forget it.
pub(super) fn forget(api: &Api) -> Option<HeaderValue> {
    set(api, "", "; Max-Age=0")
}

fn set(api: &Api, value: &str, more: &str) -> Option<HeaderValue> {
    let (name, secure) = if is_secure(api) {
        (SECURE, "; Secure")
    } else {
        (PLAIN, "")
    };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    HeaderValue::from_str(&text).ok()
}

/// What forms of this visit send along. It tells nothing of the cookie, and
/// nobody without the cookie knows it.
pub(super) fn form_token(cookie: &str) -> String {
    secret::digest(&format!("form {cookie}"))
}

/// Whether a form is one of this visit's.
pub(super) fn is_ours(cookie: &str, token: &str) -> bool {
    secret::matches(&format!("form {cookie}"), token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_belongs_to_one_cookie() {
        let token = form_token("one");
        assert!(is_ours("one", &token));
        assert!(!is_ours("other", &token));
        assert!(!is_ours("one", ""));
        assert!(!token.contains("one"));
    }
}
