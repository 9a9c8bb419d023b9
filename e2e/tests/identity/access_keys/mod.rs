//! Access keys: what they buy, what they may do, and how they end.

mod life;
mod limits;
mod tokens;

use muster_api::{
    keys::{KeyWithSecret, NewKey},
    tokens::OAuthError,
};
use muster_e2e::Client;
use reqwest::{Method, RequestBuilder, StatusCode};

async fn make(client: &Client, new: &NewKey) -> KeyWithSecret {
    client.send(Method::POST, "/self/keys", new).await
}

fn named(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        ..NewKey::default()
    }
}

fn with_basic(client: &Client, path: &str, form: &str, id: &str, secret: &str) -> RequestBuilder {
    client
        .anonymous(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .basic_auth(id, Some(secret))
        .body(form.to_owned())
}

/// Asks for a token with the key, and takes the refusal.
async fn denied(client: &Client, id: &str, secret: &str, form: &str, error: &str) {
    let form = format!("grant_type=client_credentials{form}");
    let request = with_basic(client, "/oauth/token", &form, id, secret);
    let reply = request.send().await.expect("the host answers");
    let status = reply.status();
    let challenged = reply.headers().contains_key("www-authenticate");
    let told: OAuthError = reply.json().await.expect("an OAuth error");
    assert_eq!(told.error, error, "{told:?}");
    let client_error = error == "invalid_client";
    assert_eq!(status == StatusCode::UNAUTHORIZED, client_error, "{told:?}");
    assert_eq!(challenged, client_error, "{told:?}");
}
