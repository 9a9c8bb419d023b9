//! Proxies in front of the API: from those that are trusted, it is believed for
//! whom they ask, and from nobody else.

use muster_api::{
    audit::AuditRecord,
    keys::{KeyWithSecret, NewKey},
    page::Page,
    sessions::Session,
    tokens::{TokenReply, TokenRequest},
};
use muster_e2e::{Client, Host, PASSWORD, eventually, refuse};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const CLIENT: &str = "192.0.2.7";
const OTHER: &str = "198.51.100.9";

/// Who asks, whatever the headers say.
fn as_proxy(request: RequestBuilder) -> RequestBuilder {
    request
        .header("x-forwarded-for", format!("{OTHER}, {CLIENT}"))
        .header("forwarded", format!("for={OTHER}"))
}

async fn trust(client: &Client, section: Value) {
    let _: Value = client
        .send(Method::PUT, "/config/management", &section)
        .await;
}

/// From where the log says that something was tried.
async fn origin(client: &Client, app: &str) -> String {
    let request = client.request(Method::DELETE, &format!("/apps/{app}"));
    refuse(as_proxy(request), 404, "app-not-found").await;
    let record = eventually("the entry", async || {
        let path = format!("/audit?subject={app}");
        let page: Page<AuditRecord> = client.get(&path).await;
        page.items.into_iter().next()
    });
    record.await.entry.origin.expect("an address")
}

#[tokio::test]
async fn nobody_is_believed_who_is_no_trusted_proxy() {
    let host = Host::start().await;
    let client = host.client().await;
    assert_eq!(origin(&client, "a").await, "127.0.0.1");
    trust(&client, json!({ "trusted_proxies": ["10.0.0.0/8"] })).await;
    assert_eq!(origin(&client, "b").await, "127.0.0.1");

    // Guesses are counted for the connection, whoever they pretend to be.
    let limits = json!({ "sign_in": { "per_minute": 1, "burst": 2 } });
    let _: Value = client
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    eventually("guesses are slowed down", async || {
        let guess = client.anonymous(Method::POST, "/oauth/token");
        let spoofed = format!("192.0.2.{}", rand::random::<u8>());
        let guess = guess.header("x-forwarded-for", spoofed);
        let answer = guess.form(&[("grant_type", "none")]).send().await.unwrap();
        (answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_asks() {
    let host = Host::start().await;
    let client = host.client().await;
    trust(&client, json!({ "trusted_proxies": ["127.0.0.1/32"] })).await;
    assert_eq!(origin(&client, "a").await, CLIENT, "not what they claim");
    trust(
        &client,
        json!({ "trusted_proxies": ["127.0.0.1/32"], "forwarded_by": "forwarded" }),
    )
    .await;
    assert_eq!(origin(&client, "b").await, OTHER);
    trust(&client, json!({ "trusted_proxies": ["127.0.0.1/32"] })).await;

    // Sessions begin there,
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..TokenRequest::default()
    };
    let sent = client.anonymous(Method::POST, "/oauth/token");
    let reply = as_proxy(sent.form(&request)).send().await.unwrap();
    let tokens: TokenReply = reply.json().await.unwrap();
    let there = client.with_token(tokens.access_token);
    let sessions: Page<Session> = there.get("/self/sessions").await;
    let addresses: Vec<_> = sessions
        .items
        .iter()
        .filter_map(|session| session.origin.as_deref())
        .collect();
    assert!(addresses.contains(&CLIENT), "{addresses:?}");

    // and limits count there.
    let limits = json!({ "address": { "per_minute": 1, "burst": 2 } });
    let _: Value = client
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    eventually("the client is slowed down", async || {
        let asked = as_proxy(client.anonymous(Method::GET, "/api/v1/info"));
        let answer = asked.send().await.unwrap();
        (answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(())
    })
    .await;
    let another = client.anonymous(Method::GET, "/api/v1/info");
    let another = another.header("x-forwarded-for", OTHER).send().await;
    assert_eq!(another.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_is_used_from_the_networks_of_its_clients() {
    let host = Host::start().await;
    let client = host.client().await;
    let new = NewKey {
        name: "script".to_owned(),
        networks: vec![format!("{CLIENT}/32")],
        ..NewKey::default()
    };
    let made: KeyWithSecret = client.send(Method::POST, "/self/keys", &new).await;
    let ask = async || {
        let form = TokenRequest {
            grant_type: "client_credentials".to_owned(),
            client_id: Some(made.key.id.clone()),
            client_secret: Some(made.secret.clone()),
            ..TokenRequest::default()
        };
        let request = client.anonymous(Method::POST, "/oauth/token").form(&form);
        as_proxy(request).send().await.unwrap().status()
    };
    assert_ne!(ask().await, StatusCode::OK, "a header is not a network");
    trust(&client, json!({ "trusted_proxies": ["127.0.0.1/32"] })).await;
    assert_eq!(ask().await, StatusCode::OK);
}

#[tokio::test]
async fn everybody_is_no_proxy() {
    let host = Host::start().await;
    let client = host.client().await;
    for network in ["0.0.0.0/0", "::/0", "localhost", "10.0.0.7"] {
        let section = json!({ "trusted_proxies": [network] });
        let put = client.request(Method::PUT, "/config/management");
        let problem = refuse(put.json(&section), 422, "invalid-request").await;
        assert_eq!(problem.fields[0].field, "trusted_proxies", "{network}");
    }
}
