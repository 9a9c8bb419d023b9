//! What a key may do, where and for how long.

use muster_api::{
    keys::{AccessKey, INTERNAL_KEY, KeyState, NewKey},
    permissions::Permission,
    units::Millis,
    users::Profile,
};
use muster_e2e::{Client, Host, eventually, refuse};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{denied, make, named};

#[tokio::test]
async fn a_key_may_no_more_than_it_was_given() {
    let host = Host::start().await;
    let client = host.client().await;
    let narrow = NewKey {
        scopes: Some(vec![Permission::AppRead, Permission::KeyWrite]),
        ..named("narrow")
    };
    let narrow = make(&client, &narrow).await;
    let keyed = client.with_key(&narrow.key.id, &narrow.secret).await;
    let _: serde_json::Value = keyed.get("/apps").await;
    refuse(keyed.request(Method::GET, "/info"), 403, "forbidden").await;

    // It makes no other key, and cannot put itself in the place of a wider one.
    let wide = make(&client, &named("wide")).await;
    let create = keyed.request(Method::POST, "/self/keys");
    refuse(create.json(&named("child")), 403, "not-in-person").await;
    for place in ["/self/keys", "/keys"] {
        for (id, code) in [
            (wide.key.id.as_str(), "another-key"),
            (INTERNAL_KEY, "another-key"),
        ] {
            let path = format!("{place}/{id}/actions/rotate");
            let request = keyed.request(Method::POST, &path).json(&json!({}));
            let found = place == "/keys" || id != INTERNAL_KEY;
            let (status, code) = if found {
                (403, code)
            } else {
                (404, "key-not-found")
            };
            refuse(request, status, code).await;
        }
    }
    let revoke = keyed.request(Method::DELETE, &format!("/keys/{}", wide.key.id));
    refuse(revoke, 403, "another-key").await;

    // A token can be narrower still, but not wider.
    let id = &narrow.key.id;
    denied(
        &client,
        id,
        &narrow.secret,
        "&scope=app:read+app:write",
        "invalid_scope",
    )
    .await;
    denied(
        &client,
        id,
        &narrow.secret,
        "&scope=everything",
        "invalid_scope",
    )
    .await;

    // A narrow session makes none either, and rotates none that may more.
    let session = client
        .tokens(&muster_api::tokens::TokenRequest {
            grant_type: "password".to_owned(),
            username: Some("admin".to_owned()),
            password: Some(muster_e2e::PASSWORD.to_owned()),
            scope: Some("app:read key:write".to_owned()),
            ..Default::default()
        })
        .await;
    let limited = client.with_token(&session.access_token);
    let request = limited.request(Method::POST, "/self/keys");
    refuse(request.json(&named("same")), 403, "not-in-person").await;
    for (place, code) in [("/self/keys", "not-in-person"), ("/keys", "key-may-more")] {
        let path = format!("{place}/{}/actions/rotate", wide.key.id);
        let request = limited.request(Method::POST, &path).json(&json!({}));
        refuse(request, 403, code).await;
    }
    let wanted = NewKey {
        scopes: Some(vec![Permission::AppRead, Permission::ConfigWrite]),
        ..named("more")
    };
    let new = json!({ "name": "ada", "type": "developer", "password": "correct horse battery staple 42" });
    let made = client.request(Method::POST, "/users").json(&new);
    assert_eq!(made.send().await.unwrap().status(), StatusCode::CREATED);
    let password = "correct horse battery staple 42";
    let ada = Client::login_as(&host.url(), host.apps(), "ada", password).await;
    let request = ada.request(Method::POST, "/self/keys").json(&wanted);
    refuse(request, 403, "forbidden").await;

    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "x\u{7}"}), "name"),
        (json!({"name": "x", "scopes": []}), "scopes"),
        (
            json!({"name": "x", "scopes": ["app:read", "app:read"]}),
            "scopes",
        ),
        (
            json!({"name": "x", "networks": ["10.0.0.0/8", "here"]}),
            "networks.1",
        ),
        (json!({"name": "x", "expires_in": 0}), "expires_in"),
    ] {
        let request = client.request(Method::POST, "/self/keys").json(&body);
        let problem = refuse(request, 422, "invalid-request").await;
        assert_eq!(problem.fields[0].field, field, "{body}");
    }
    for body in [
        json!({"name": "x", "user": "somebody"}),
        json!({"name": "x", "internal": true}),
        json!({"name": "x", "scopes": ["app:everything"]}),
    ] {
        let request = client.request(Method::POST, "/self/keys").json(&body);
        refuse(request, 422, "invalid-request").await;
    }
}

#[tokio::test]
async fn a_key_is_good_where_and_for_as_long_as_it_says() {
    let host = Host::start().await;
    let client = host.client().await;
    let elsewhere = NewKey {
        networks: vec!["10.1.2.3/8".to_owned()],
        ..named("elsewhere")
    };
    let elsewhere = make(&client, &elsewhere).await;
    assert_eq!(elsewhere.key.networks, ["10.0.0.0/8"]);
    denied(
        &client,
        &elsewhere.key.id,
        &elsewhere.secret,
        "",
        "invalid_client",
    )
    .await;
    let here = NewKey {
        networks: vec!["127.0.0.0/8".to_owned()],
        expires_in: Some(Millis(3_000)),
        ..named("here")
    };
    let here = make(&client, &here).await;
    let keyed = client.with_key(&here.key.id, &here.secret).await;
    let _: Profile = keyed.get("/self").await;
    eventually("the key expires", async || {
        let reply = keyed.request(Method::GET, "/self").send().await.unwrap();
        (reply.status() == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    denied(&client, &here.key.id, &here.secret, "", "invalid_client").await;
    let shown: AccessKey = client.get(&format!("/keys/{}", here.key.id)).await;
    assert_eq!(shown.state, KeyState::Expired);
}
