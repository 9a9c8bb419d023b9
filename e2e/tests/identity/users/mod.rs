//! `/users`: their life, the links by which they set passwords, and that nobody
//! raises themselves above what they may.

mod life;
mod privileges;

use muster_api::{
    tokens::{OAuthError, TokenReply, TokenRequest},
    users::{CreatedUser, User},
};
use muster_e2e::Client;
use reqwest::Method;
use serde_json::{Value, json};

/// A password that is hard to guess.
pub const GOOD: &str = "quietly-borrowed 47 umbrellas";

/// Makes a user with [`GOOD`] as password.
pub async fn make(client: &Client, name: &str, kind: &str) -> User {
    let new = json!({ "name": name, "type": kind, "password": GOOD });
    let made: CreatedUser = client.send(Method::POST, "/users", &new).await;
    assert!(made.activation.is_none());
    made.user
}

/// Tries to log in.
pub async fn log_in(client: &Client, name: &str, password: &str) -> Result<TokenReply, OAuthError> {
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(name.to_owned()),
        password: Some(password.to_owned()),
        ..TokenRequest::default()
    };
    let reply = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&request);
    let reply = reply.send().await.expect("the host answers");
    if reply.status().is_success() {
        Ok(reply.json().await.expect("tokens"))
    } else {
        Err(reply.json().await.expect("an OAuth error"))
    }
}

/// The word for why a login failed.
pub async fn denied(client: &Client, name: &str, password: &str) -> String {
    match log_in(client, name, password).await {
        Ok(_) => panic!("{name} is logged in"),
        Err(error) => error.error,
    }
}

/// What a link has as its token.
pub fn token(link: &str) -> &str {
    link.split_once("?token=").expect("a token").1
}

/// Sets a password by a link.
pub fn redeem(client: &Client, link: &str, password: &str) -> reqwest::RequestBuilder {
    let body: Value = json!({ "token": token(link), "password": password });
    client
        .anonymous(Method::POST, "/api/v1/activations")
        .json(&body)
}
