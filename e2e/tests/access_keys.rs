//! Access keys: what they buy, what they may do, and how they end.

use std::{fs, os::unix::fs::PermissionsExt};

use muster_api::{
    keys::{
        AccessKey, INTERNAL_KEY, INTERNAL_KEY_FILE, KeyRotation, KeyState, KeyWithSecret, LocalKey,
        NewKey,
    },
    page::Page,
    permissions::Permission,
    plan::Plan,
    tokens::{Introspection, OAuthError, TokenReply},
    units::Millis,
    users::Profile,
};
use muster_e2e::{Client, Host, eventually, refuse};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

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

#[tokio::test]
async fn a_rotation_ends_the_old_secret_at_once_or_later() {
    let host = Host::start().await;
    let client = host.client().await;
    let first = make(&client, &named("rotated")).await;
    let id = &first.key.id;
    let old = client.with_key(id, &first.secret).await;
    let path = format!("/self/keys/{id}/actions/rotate");

    // A key can rotate itself. The overlap lets whoever uses it change over.
    let overlap = KeyRotation {
        overlap: Some(Millis(3_600_000)),
    };
    let second: KeyWithSecret = old.send(Method::POST, &path, &overlap).await;
    assert!(second.key.previous_until.is_some());
    assert_ne!(second.secret, first.secret);
    let _: Profile = old.get("/self").await;
    for secret in [&first.secret, &second.secret] {
        let _: Profile = client.with_key(id, secret).await.get("/self").await;
    }

    // Without one, tokens that the old secrets bought end too.
    let current = client.with_key(id, &second.secret).await;
    let third: KeyWithSecret = client
        .send(Method::POST, &path, &KeyRotation::default())
        .await;
    assert_eq!(third.key.previous_until, None);
    for keyed in [&old, &current] {
        refuse(keyed.request(Method::GET, "/self"), 401, "unauthorized").await;
    }
    for secret in [&first.secret, &second.secret] {
        denied(&client, id, secret, "", "invalid_client").await;
    }
    let _: Profile = client.with_key(id, &third.secret).await.get("/self").await;
    let long = KeyRotation {
        overlap: Some(Millis(8 * 86_400_000)),
    };
    let request = client.request(Method::POST, &path).json(&long);
    refuse(request, 422, "invalid-request").await;
}

#[tokio::test]
async fn keys_that_have_ended_leave_room_for_others() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut keys = Vec::new();
    for _ in 0..200 {
        keys.push(make(&client, &named("one of many")).await.key.id);
    }
    let more = client.request(Method::POST, "/self/keys");
    refuse(more.json(&named("more")), 409, "too-many-keys").await;
    for id in &keys[..2] {
        let path = format!("/self/keys/{id}");
        let _: Plan = client.send(Method::DELETE, &path, &json!({})).await;
    }
    make(&client, &named("more")).await;
    let gone = client.request(Method::GET, &format!("/self/keys/{}", keys[0]));
    refuse(gone, 404, "key-not-found").await;
    let kept: AccessKey = client.get(&format!("/self/keys/{}", keys[1])).await;
    assert_eq!(kept.state, KeyState::Revoked);
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

fn local(host: &Host) -> LocalKey {
    let path = host.data_dir().join(INTERNAL_KEY_FILE);
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("a key")
}

#[tokio::test]
async fn the_hosts_own_key_is_there_for_good() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let first = local(&host);
    assert_eq!((first.id.as_str(), &first.url), (INTERNAL_KEY, &host.url()));
    let inside = client.with_key(&first.id, &first.secret).await;
    let all: Page<AccessKey> = inside.get("/keys").await;
    assert!(all.items.iter().any(|key| key.internal));
    refuse(inside.request(Method::GET, "/self/keys"), 403, "no-user").await;
    let create = inside.request(Method::POST, "/self/keys");
    refuse(create.json(&named("x")), 403, "no-user").await;

    for terms in ["", "?dry_run=true"] {
        let revoke = client.request(Method::DELETE, &format!("/keys/{INTERNAL_KEY}{terms}"));
        refuse(revoke, 409, "key-is-internal").await;
    }
    let path = format!("/keys/{INTERNAL_KEY}/actions/rotate");
    let second: KeyWithSecret = client.send(Method::POST, &path, &json!({})).await;
    assert_eq!(local(&host).secret, second.secret);
    refuse(inside.request(Method::GET, "/keys"), 401, "unauthorized").await;

    // It survives a restart; a file that is lost or wrong is made anew.
    host.kill_and_restart();
    host.wait_ready().await;
    assert_eq!(local(&host).secret, second.secret);
    for content in [
        None,
        Some("nonsense"),
        Some(r#"{"id":"cliapp","secret":"x","url":"u"}"#),
    ] {
        let path = host.data_dir().join(INTERNAL_KEY_FILE);
        match content {
            None => fs::remove_file(path).unwrap(),
            Some(content) => fs::write(path, content).unwrap(),
        }
        host.kill_and_restart();
        host.wait_ready().await;
        let key = local(&host);
        assert_ne!(key.secret, second.secret);
        let keyed = client.with_key(&key.id, &key.secret).await;
        let _: Page<AccessKey> = keyed.get("/keys").await;
    }
    denied(&client, INTERNAL_KEY, &second.secret, "", "invalid_client").await;
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
