//! `/oauth/token`: passwords and refresh tokens buy access tokens, once each.

use muster_api::{
    status::Info,
    tokens::{OAuthError, TokenReply, TokenRequest},
};
use muster_e2e::{Client, Host, PASSWORD, refuse};
use reqwest::{Method, RequestBuilder, StatusCode};

const TOKENS: &str = "/oauth/token";

fn by_password(username: &str, password: &str) -> TokenRequest {
    TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        ..TokenRequest::default()
    }
}

fn by_refresh(token: Option<&str>) -> TokenRequest {
    TokenRequest {
        grant_type: "refresh_token".to_owned(),
        refresh_token: token.map(str::to_owned),
        ..TokenRequest::default()
    }
}

fn again(tokens: &TokenReply) -> TokenRequest {
    by_refresh(tokens.refresh_token.as_deref())
}

fn ask(client: &Client, request: &TokenRequest) -> RequestBuilder {
    client.anonymous(Method::POST, TOKENS).form(request)
}

/// Asserts that there are no tokens, for this reason.
async fn denied(request: RequestBuilder, error: &str) -> OAuthError {
    let reply = request.send().await.expect("the host answers");
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let told: OAuthError = reply.json().await.expect("an OAuth error");
    assert_eq!(told.error, error, "{told:?}");
    told
}

async fn tokens(client: &Client, request: &TokenRequest) -> TokenReply {
    let reply = ask(client, request).send().await.expect("the host answers");
    assert_eq!(reply.status(), StatusCode::OK);
    reply.json().await.expect("JSON")
}

fn info(client: &Client, access: &str) -> RequestBuilder {
    client
        .anonymous(Method::GET, "/api/v1/info")
        .bearer_auth(access)
}

async fn is_good(client: &Client, access: &str) -> bool {
    info(client, access)
        .send()
        .await
        .expect("the host answers")
        .status()
        == StatusCode::OK
}

#[tokio::test]
async fn a_password_buys_tokens_and_a_wrong_one_does_not() {
    let host = Host::start().await;
    let client = host.client().await;

    let pair = tokens(&client, &by_password("admin", PASSWORD)).await;
    assert_eq!(pair.token_type, "Bearer");
    assert!(
        (60..=3600).contains(&pair.expires_in),
        "{}",
        pair.expires_in
    );
    let reply = info(&client, &pair.access_token).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    let known: Info = reply.json().await.unwrap();
    assert_eq!(known.management, host.url());

    // The scheme's case does not matter, the scheme does.
    let info_as = |scheme: &str| {
        let header = format!("{scheme} {}", pair.access_token);
        client
            .anonymous(Method::GET, "/api/v1/info")
            .header("authorization", header)
    };
    let reply = info_as("bEARER").send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    refuse(info_as("Basic"), 401, "unauthorized").await;

    // Nobody learns which of both was wrong.
    let mut told = Vec::new();
    for (name, password) in [
        ("admin", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("Admin", PASSWORD),
        ("admin", &"x".repeat(100_000)),
    ] {
        let request = ask(&client, &by_password(name, password));
        told.push(denied(request, "invalid_grant").await);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_refresh_token_serves_once_and_its_reuse_ends_the_family() {
    let host = Host::start().await;
    let client = host.client().await;
    let other = tokens(&client, &by_password("admin", PASSWORD)).await;

    let first = tokens(&client, &by_password("admin", PASSWORD)).await;
    let second = tokens(&client, &again(&first)).await;
    let third = tokens(&client, &again(&second)).await;
    let all = [&first, &second, &third];
    for (place, one) in all.iter().enumerate() {
        assert!(is_good(&client, &one.access_token).await, "{place}");
        for another in &all[place + 1..] {
            assert_ne!(one.access_token, another.access_token);
            assert_ne!(one.refresh_token, another.refresh_token);
        }
    }

    // Whoever uses one a second time has a copy: nobody goes on from there.
    denied(ask(&client, &again(&first)), "invalid_grant").await;
    denied(ask(&client, &again(&third)), "invalid_grant").await;
    for one in all {
        refuse(info(&client, &one.access_token), 401, "unauthorized").await;
    }

    // Another login is another family.
    tokens(&client, &again(&other)).await;

    // One kind of token does not pass for the other.
    let refresh = other.refresh_token.as_deref().expect("a refresh token");
    refuse(info(&client, refresh), 401, "unauthorized").await;
    let access = by_refresh(Some(&other.access_token));
    denied(ask(&client, &access), "invalid_grant").await;
}

#[tokio::test]
async fn two_at_once_cannot_both_use_a_refresh_token() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut pair = tokens(&client, &by_password("admin", PASSWORD)).await;
    // What happens between two steps happens seldom, hence several rounds.
    for round in 0..8 {
        let tries = (0..8).map(|_| ask(&client, &again(&pair)).send());
        let mut won = None;
        for reply in futures::future::try_join_all(tries).await.unwrap() {
            if reply.status() == StatusCode::OK {
                let pair: TokenReply = reply.json().await.unwrap();
                assert!(won.replace(pair).is_none(), "two got a pair, round {round}");
            } else {
                assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
            }
        }
        // The reuse was seen meanwhile, so that the winner's family has ended too.
        let won = won.expect("the first one gets a pair");
        denied(ask(&client, &again(&won)), "invalid_grant").await;
        pair = tokens(&client, &by_password("admin", PASSWORD)).await;
    }
}

#[tokio::test]
async fn what_is_no_request_for_tokens_is_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    for (form, error) in [
        ("", "invalid_request"),
        ("grant_type=client_magic", "unsupported_grant_type"),
        ("grant_type=password&username=admin", "invalid_request"),
        ("grant_type=refresh_token", "invalid_request"),
        (
            "grant_type=refresh_token&refresh_token=%27+or+1%3D1+--",
            "invalid_grant",
        ),
        (
            "grant_type=refresh_token&refresh_token=a&refresh_token=b",
            "invalid_request",
        ),
        (
            "grant_type=password&username=a&password=b&client_id=strange&scope=",
            "invalid_client",
        ),
        (
            "grant_type=password&username=a&password=b&scope=app:read+everything",
            "invalid_scope",
        ),
        (
            "grant_type=password&username=a&password=b&accept_terms=x",
            "invalid_request",
        ),
    ] {
        let request = client
            .anonymous(Method::POST, TOKENS)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let reply = request.send().await.unwrap();
        let status = if error == "invalid_client" { 401 } else { 400 };
        assert_eq!(reply.status(), status, "{form}");
        let told: OAuthError = reply.json().await.unwrap();
        assert_eq!(told.error, error, "{form}");
        assert!(!told.error_description.is_empty(), "{form}");
    }
    let typed = |text: &'static str, kind: &str| {
        client
            .anonymous(Method::POST, TOKENS)
            .header("content-type", kind)
            .body(text)
    };
    denied(typed("{}", "application/json"), "invalid_request").await;
    denied(
        typed("grant_type=password", "text/plain"),
        "invalid_request",
    )
    .await;
    let bare = client.anonymous(Method::GET, TOKENS);
    refuse(bare, 405, "method-not-allowed").await;
    let large = client
        .anonymous(Method::POST, TOKENS)
        .body("x".repeat(300_000));
    refuse(large, 413, "invalid-request").await;
}

#[tokio::test]
async fn scopes_and_the_end_of_a_session_count_at_once() {
    let host = Host::start().await;
    let client = host.client().await;
    let narrow = TokenRequest {
        scope: Some("app:read job:read".to_owned()),
        ..by_password("admin", PASSWORD)
    };
    let narrow = tokens(&client, &narrow).await;
    assert_eq!(narrow.scope.as_deref(), Some("app:read job:read"));
    let ask_as = |token: &str, path: &str| client.anonymous(Method::GET, path).bearer_auth(token);
    let apps = ask_as(&narrow.access_token, "/api/v1/apps")
        .send()
        .await
        .unwrap();
    assert_eq!(apps.status(), StatusCode::OK);
    let problem = refuse(info(&client, &narrow.access_token), 403, "forbidden").await;
    assert!(problem.detail.contains("status:read"), "{problem:?}");

    // What was narrow stays narrow.
    let next = tokens(&client, &again(&narrow)).await;
    refuse(info(&client, &next.access_token), 403, "forbidden").await;

    let revoke = [("token", next.refresh_token.as_deref().unwrap())];
    for _ in 0..2 {
        let request = client
            .anonymous(Method::POST, "/oauth/revoke")
            .form(&revoke);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let apps = ask_as(&next.access_token, "/api/v1/apps");
        refuse(apps, 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn another_signing_key_logs_nobody_out() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let keys = async |client: &Client| {
        let set = client.anonymous(Method::GET, "/.well-known/jwks.json");
        let set: serde_json::Value = set.send().await.unwrap().json().await.unwrap();
        set["keys"].as_array().expect("keys").len()
    };
    let before = tokens(&client, &by_password("admin", PASSWORD)).await;
    let published = keys(&client).await;
    let _: serde_json::Value = client
        .send(Method::POST, "/signing-keys", &serde_json::json!({}))
        .await;
    assert_eq!(keys(&client).await, published + 1, "both can be looked up");
    assert!(is_good(&client, &before.access_token).await);

    let after = tokens(&client, &by_password("admin", PASSWORD)).await;
    let key_of = |token: &str| token.split('.').next().map(str::to_owned);
    assert_ne!(key_of(&before.access_token), key_of(&after.access_token));
    host.kill_and_restart();
    host.wait_ready().await;
    for token in [&before, &after] {
        assert!(is_good(&client, &token.access_token).await);
    }
    let next = tokens(&client, &again(&before)).await;
    assert!(is_good(&client, &next.access_token).await);
}
