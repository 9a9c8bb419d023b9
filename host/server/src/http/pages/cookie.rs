//! The cookies that tie a visit, or a form, to a browser, and the token that
//! ties a form to its cookie.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use muster_identity::secret;

use super::{super::Api, Fields, page::trouble};

/// What a cookie is called: over HTTPS by a name that browsers keep to this very
/// host and to HTTPS, and over HTTP, on a machine's own address.
pub(in crate::http) struct Name {
    pub(in crate::http) secure: &'static str,
    pub(in crate::http) plain: &'static str,
}

/// Of somebody who signs in.
pub(super) const VISIT: Name = Name {
    secure: "__Host-muster-sign-in",
    plain: "muster-sign-in",
};
/// Of somebody who fills in a form without signing in.
pub(super) const FORM: Name = Name {
    secure: "__Host-muster-form",
    plain: "muster-form",
};

fn is_secure(api: &Api) -> bool {
    api.authorization.public_url().starts_with("https://")
}

/// A cookie's name here, and what goes with it. Browsers share cookies among the
/// ports of an address, so that of several hosts on one machine each needs a name
/// of its own.
fn called(api: &Api, name: &Name) -> (String, &'static str) {
    if is_secure(api) {
        (name.secure.to_owned(), "; Secure")
    } else {
        let port = api.host.management.port();
        (format!("{}-{port}", name.plain), "")
    }
}

/// What the browser shows.
pub(in crate::http) fn read(api: &Api, name: &Name, headers: &HeaderMap) -> Option<String> {
    let (wanted, _) = called(api, name);
    let lines = headers.get_all(header::COOKIE).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// Has the browser keep a secret until it is closed.
pub(super) fn write(api: &Api, name: &Name, secret: &str) -> Option<HeaderValue> {
    set(api, name, secret, "; SameSite=Lax")
}

/// The same, of a secret that is sent from this site's own pages alone.
pub(in crate::http) fn write_strictly(api: &Api, name: &Name, secret: &str) -> Option<HeaderValue> {
    set(api, name, secret, "; SameSite=Strict")
}

/// Has the browser forget it.
pub(in crate::http) fn forget(api: &Api, name: &Name) -> Option<HeaderValue> {
    set(api, name, "", "; SameSite=Lax; Max-Age=0")
}

fn set(api: &Api, name: &Name, value: &str, more: &str) -> Option<HeaderValue> {
    let (name, secure) = called(api, name);
    let text = format!("{name}={value}; Path=/; HttpOnly{secure}{more}");
    HeaderValue::from_str(&text).ok()
}

/// What forms of this browser send along. It tells nothing of the cookie, and
/// nobody without the cookie knows it.
pub(super) fn form_token(cookie: &str) -> String {
    secret::digest(&format!("form {cookie}"))
}

/// Refuses forms that are not of the browser that shows the cookie.
pub(super) fn check(cookie: &str, fields: &Fields) -> Result<(), Response> {
    let token = fields.get("token").map_or("", String::as_str);
    if is_ours(cookie, token) {
        Ok(())
    } else {
        Err(trouble(
            StatusCode::FORBIDDEN,
            "This form is out of date, or was not sent from this page. Go back, reload the page and try again.",
        ))
    }
}

fn is_ours(cookie: &str, token: &str) -> bool {
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
