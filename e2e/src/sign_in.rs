//! Signing in with a browser, as a client that has begun it sees it.

use std::collections::BTreeMap;

use muster_api::{
    authorization::AuthorizationRequest,
    config::SectionView,
    tokens::{CLI_CLIENT, TokenRequest},
};
use reqwest::{Method, Response, Url};
use serde_json::{Value, json};

use crate::{
    client::Client,
    host::{Host, reqwest_client},
    servers::{Browser, Page},
};

/// Where the client listens; nobody does.
pub const CALLBACK: &str = "http://127.0.0.1:4000/callback";
/// The client's verifier: the example of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its challenge.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What the command line asks for.
#[must_use]
pub fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        response_type: "code".to_owned(),
        client_id: CLI_CLIENT.to_owned(),
        redirect_uri: CALLBACK.to_owned(),
        state: Some("s".to_owned()),
        code_challenge: Some(CHALLENGE.to_owned()),
        code_challenge_method: Some("S256".to_owned()),
        ..AuthorizationRequest::default()
    }
}

/// The address that a browser opens for it.
///
/// # Panics
/// Never, since the host's address is one.
#[must_use]
pub fn authorize(host: &Host, state: &str, scope: Option<&str>) -> String {
    let mut url = Url::parse(&format!("{}/oauth/authorize", host.url())).expect("an address");
    let request = request();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &request.client_id)
            .append_pair("redirect_uri", CALLBACK)
            .append_pair("state", state)
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
        if let Some(scope) = scope {
            query.append_pair("scope", scope);
        }
    }
    url.into()
}

/// Enters name and password into the form on a page.
pub async fn enter(
    browser: &mut Browser,
    host: &Host,
    page: &Page,
    username: &str,
    password: &str,
) -> Page {
    let token = page.hidden("token");
    let fields = [
        ("token", token.as_str()),
        ("username", username),
        ("password", password),
    ];
    browser
        .submit(&page.form_action(), &fields, &host.url())
        .await
}

/// The parameters of an address.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn parameters(address: &str) -> BTreeMap<String, String> {
    let url = Url::parse(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    url.query_pairs().into_owned().collect()
}

/// The code that a browser brings to the client.
///
/// # Panics
/// If it brings none.
#[must_use]
pub fn code_of(page: &Page) -> String {
    let left = page.left.as_ref();
    let left = left.unwrap_or_else(|| panic!("it is not sent to the client: {}", page.body));
    let mut told = parameters(left);
    told.remove("code")
        .unwrap_or_else(|| panic!("there is no code: {left}"))
}

/// The request that trades a code for tokens.
#[must_use]
pub fn redeem(code: &str) -> TokenRequest {
    TokenRequest {
        grant_type: "authorization_code".to_owned(),
        client_id: Some(CLI_CLIENT.to_owned()),
        code: Some(code.to_owned()),
        redirect_uri: Some(CALLBACK.to_owned()),
        code_verifier: Some(VERIFIER.to_owned()),
        ..TokenRequest::default()
    }
}

/// Asks for tokens.
///
/// # Panics
/// If the host does not answer.
pub async fn token(host: &Host, request: &TokenRequest) -> Response {
    reqwest_client()
        .post(format!("{}/oauth/token", host.url()))
        .form(request)
        .send()
        .await
        .expect("the host answers")
}

/// Settles the ways to sign in: the local one, and these.
pub async fn offer(admin: &Client, methods: &[Value]) {
    let local = json!({ "name": "local", "label": "Password", "settings": { "kind": "local" } });
    let methods: Vec<&Value> = [&local].into_iter().chain(methods).collect();
    let values = json!({ "methods": methods });
    let _: SectionView = admin.send(Method::PUT, "/config/sign-in", &values).await;
}
