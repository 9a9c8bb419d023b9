//! What keys buy, and what is told of it.

use std::fs;

use muster_api::{
    keys::{AccessKey, KeyState},
    plan::Plan,
    tokens::{Introspection, TokenReply},
    users::Profile,
};
use muster_e2e::{Client, Host, eventually, refuse};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{denied, make, named, with_basic};

#[tokio::test]
async fn a_key_buys_tokens_that_end_with_it() {
    let host = Host::start().await;
    let client = host.client().await;
    let made = make(&client, &named("backup")).await;
    let id = made.key.id.clone();
    assert!(id.starts_with("MK") && id.len() == 20, "{id}");
    assert!(made.secret.starts_with("muster_key_") && made.secret.len() == 54);
    assert_eq!(made.key.user.as_deref(), Some("admin"));

    // The secret is nowhere in what the host keeps, only its hash.
    for file in ["muster.db", "muster.db-wal"] {
        let bytes = fs::read(host.data_dir().join(file)).unwrap_or_default();
        let found = bytes
            .windows(made.secret.len())
            .any(|part| part == made.secret.as_bytes());
        assert!(!found, "{file} holds the secret");
    }

    let by_basic = with_basic(
        &client,
        "/oauth/token",
        "grant_type=client_credentials",
        &id,
        &made.secret,
    );
    let reply = by_basic.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    let tokens: TokenReply = reply.json().await.unwrap();
    assert_eq!(tokens.refresh_token, None);
    let keyed = client.with_token(&tokens.access_token);
    let who: Profile = keyed.get("/self").await;
    assert_eq!(who.user.name, "admin");

    for (id, secret, form) in [
        (id.as_str(), "muster_key_wrong", ""),
        (id.as_str(), "", ""),
        ("MKAAAAAAAAAAAAAAAAAA", made.secret.as_str(), ""),
        ("' or 1=1 --", made.secret.as_str(), ""),
    ] {
        denied(&client, id, secret, form, "invalid_client").await;
    }
    // Shown in two ways, a server may not choose one.
    denied(
        &client,
        &id,
        &made.secret,
        "&client_secret=x",
        "invalid_request",
    )
    .await;
    let bare = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&[("grant_type", "client_credentials")]);
    assert_eq!(
        bare.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );

    // Its use is noted, and where from.
    eventually("the use is noted", async || {
        let shown: AccessKey = client.get(&format!("/self/keys/{id}")).await;
        let noted = shown.last_used_at.is_some();
        (noted && shown.last_used_from.as_deref() == Some("127.0.0.1")).then_some(())
    })
    .await;

    let path = format!("/self/keys/{id}");
    let dry = client.request(Method::DELETE, &format!("{path}?dry_run=true"));
    let plan: Plan = dry.send().await.unwrap().json().await.unwrap();
    assert!(!plan.done);
    let _: Profile = keyed.get("/self").await;
    let plan: Plan = client
        .request(Method::DELETE, &path)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(plan.done);
    refuse(keyed.request(Method::GET, "/self"), 401, "unauthorized").await;
    denied(&client, &id, &made.secret, "", "invalid_client").await;
    let shown: AccessKey = client.get(&path).await;
    assert_eq!(shown.state, KeyState::Revoked);
    let again = client.request(Method::POST, &format!("{path}/actions/rotate"));
    refuse(again.json(&json!({})), 409, "key-ended").await;
}

#[tokio::test]
async fn introspection_takes_a_key_and_tells_what_is_good() {
    let host = Host::start().await;
    let client = host.client().await;
    let key = make(&client, &named("resource")).await;
    let (id, secret) = (&key.key.id, &key.secret);
    let bought = client
        .tokens(&muster_api::tokens::TokenRequest {
            grant_type: "client_credentials".to_owned(),
            client_id: Some(id.clone()),
            client_secret: Some(secret.clone()),
            scope: Some("app:read".to_owned()),
            ..Default::default()
        })
        .await;
    let session = client
        .tokens(&muster_api::tokens::TokenRequest {
            grant_type: "password".to_owned(),
            username: Some("admin".to_owned()),
            password: Some(muster_e2e::PASSWORD.to_owned()),
            ..Default::default()
        })
        .await;
    let ask = async |token: &str| -> Introspection {
        let form = format!("token={token}");
        let sent = with_basic(&client, "/oauth/introspect", &form, id, secret);
        sent.send().await.unwrap().json().await.unwrap()
    };
    let told = ask(&bought.access_token).await;
    assert!(told.active);
    assert_eq!(told.client_id.as_ref(), Some(id));
    assert_eq!(told.scope.as_deref(), Some("app:read"));
    for token in [Some(&session.access_token), session.refresh_token.as_ref()] {
        let told = ask(token.unwrap()).await;
        assert_eq!(
            (told.active, told.username.as_deref()),
            (true, Some("admin"))
        );
        assert_eq!(told.client_id.as_deref(), Some("muster-cli"));
    }
    for token in ["", "x.y.z", &format!("{}x", bought.access_token)] {
        assert_eq!(ask(token).await, Introspection::default(), "{token}");
    }
    // Nobody who has no key gets to ask.
    let sent = with_basic(&client, "/oauth/introspect", "token=x", id, "wrong");
    assert_eq!(
        sent.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let bare = client
        .anonymous(Method::POST, "/oauth/introspect")
        .form(&[("token", "x")]);
    assert_eq!(
        bare.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );

    let revoke = client.request(Method::DELETE, &format!("/self/keys/{id}"));
    assert_eq!(revoke.send().await.unwrap().status(), StatusCode::OK);
    let other = make(&client, &named("other")).await;
    let form = format!("token={}", bought.access_token);
    let sent = with_basic(
        &client,
        "/oauth/introspect",
        &form,
        &other.key.id,
        &other.secret,
    );
    let told: Introspection = sent.send().await.unwrap().json().await.unwrap();
    assert_eq!(told, Introspection::default());
}

#[tokio::test]
async fn a_key_is_of_no_use_while_its_user_is_suspended() {
    let host = Host::start().await;
    let client = host.client().await;
    let password = "correct horse battery staple 42";
    let new = json!({ "name": "ada", "type": "developer", "password": password });
    let _: serde_json::Value = client.send(Method::POST, "/users", &new).await;
    let ada = Client::login_as(&host.url(), host.apps(), "ada", password).await;
    let made = make(&ada, &named("ci")).await;
    let (id, secret) = (&made.key.id, &made.secret);
    let keyed = client.with_key(id, secret).await;
    let inspect = async || {
        let request = with_basic(&client, "/oauth/introspect", "token=x", id, secret);
        request.send().await.expect("the host answers").status()
    };
    assert_eq!(inspect().await, StatusCode::OK);

    let _: serde_json::Value = client
        .send(Method::POST, "/users/ada/actions/suspend", &json!({}))
        .await;
    refuse(keyed.request(Method::GET, "/self"), 401, "unauthorized").await;
    denied(&client, id, secret, "", "invalid_client").await;
    assert_eq!(inspect().await, StatusCode::UNAUTHORIZED);

    let _: serde_json::Value = client
        .send(Method::POST, "/users/ada/actions/activate", &json!({}))
        .await;
    let _: Profile = client.with_key(id, secret).await.get("/self").await;
    let gone = client.request(Method::DELETE, "/users/ada").send().await;
    assert_eq!(gone.unwrap().status(), StatusCode::OK);
    denied(&client, id, secret, "", "invalid_client").await;
}
