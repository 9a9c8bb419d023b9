//! `/tokens`: passwords and refresh tokens buy access tokens, once each.

use muster_api::{
    status::Info,
    tokens::{TokenReply, TokenRequest},
};
use muster_e2e::{Client, Host, PASSWORD, refuse};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const TOKENS: &str = "/api/v1/tokens";

fn by_password(username: &str, password: &str) -> TokenRequest {
    TokenRequest::Password {
        username: username.to_owned(),
        password: password.to_owned(),
    }
}

fn by_refresh(tokens: &TokenReply) -> TokenRequest {
    TokenRequest::RefreshToken {
        refresh_token: tokens.refresh_token.clone(),
    }
}

fn ask(client: &Client, request: &TokenRequest) -> RequestBuilder {
    client.anonymous(Method::POST, TOKENS).json(request)
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
        let problem = refuse(request, 401, "unauthorized").await;
        told.push((problem.title, problem.detail, problem.remedy));
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
    let second = tokens(&client, &by_refresh(&first)).await;
    let third = tokens(&client, &by_refresh(&second)).await;
    let all = [&first, &second, &third];
    for (place, one) in all.iter().enumerate() {
        assert!(is_good(&client, &one.access_token).await, "{place}");
        for another in &all[place + 1..] {
            assert_ne!(one.access_token, another.access_token);
            assert_ne!(one.refresh_token, another.refresh_token);
        }
    }

    // Whoever uses one a second time has a copy: nobody goes on from there.
    let again = ask(&client, &by_refresh(&first));
    refuse(again, 401, "unauthorized").await;
    let newest = ask(&client, &by_refresh(&third));
    refuse(newest, 401, "unauthorized").await;

    // Another login is another family.
    tokens(&client, &by_refresh(&other)).await;

    // One kind of token does not pass for the other.
    refuse(info(&client, &other.refresh_token), 401, "unauthorized").await;
    let access = TokenRequest::RefreshToken {
        refresh_token: third.access_token,
    };
    refuse(ask(&client, &access), 401, "unauthorized").await;
}

#[tokio::test]
async fn two_at_once_cannot_both_use_a_refresh_token() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut pair = tokens(&client, &by_password("admin", PASSWORD)).await;
    // What happens between two steps happens seldom, hence several rounds.
    for round in 0..8 {
        let tries = (0..8).map(|_| ask(&client, &by_refresh(&pair)).send());
        let mut won = None;
        for reply in futures::future::try_join_all(tries).await.unwrap() {
            if reply.status() == StatusCode::OK {
                let pair: TokenReply = reply.json().await.unwrap();
                assert!(won.replace(pair).is_none(), "two got a pair, round {round}");
            } else {
                assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
            }
        }
        // The reuse was seen meanwhile, so that the winner's family has ended too.
        let won = won.expect("the first one gets a pair");
        refuse(ask(&client, &by_refresh(&won)), 401, "unauthorized").await;
        pair = tokens(&client, &by_password("admin", PASSWORD)).await;
    }
}

#[tokio::test]
async fn what_is_no_request_for_tokens_is_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    let bodies: &[Value] = &[
        json!({}),
        json!([]),
        json!("password"),
        json!({ "grant_type": "client_magic" }),
        json!({ "grant_type": "password", "username": "admin" }),
        json!({ "grant_type": "password", "username": "admin", "password": 7 }),
        json!({ "grant_type": "password", "username": null, "password": PASSWORD }),
        json!({ "grant_type": "password", "username": "admin", "password": PASSWORD, "admin": true }),
        json!({ "grant_type": "refresh_token" }),
        json!({ "grant_type": "refresh_token", "refresh_token": ["a"] }),
    ];
    for body in bodies {
        let request = client.anonymous(Method::POST, TOKENS).json(body);
        let problem = refuse(request, 422, "invalid-request").await;
        assert!(!problem.detail.is_empty(), "{body}: {problem:?}");
    }
    let typed = |text: &'static str, kind: &str| {
        client
            .anonymous(Method::POST, TOKENS)
            .header("content-type", kind)
            .body(text)
    };
    refuse(typed("{", "application/json"), 400, "invalid-request").await;
    refuse(typed("", "application/json"), 400, "invalid-request").await;
    refuse(typed("{}", "text/plain"), 415, "not-json").await;
    let bare = client.anonymous(Method::POST, TOKENS).body("{}");
    refuse(bare, 415, "not-json").await;
    let strange = by_refresh(&TokenReply {
        access_token: String::new(),
        token_type: String::new(),
        expires_in: 0,
        refresh_token: "' or 1=1 --".to_owned(),
    });
    refuse(ask(&client, &strange), 401, "unauthorized").await;
    refuse(
        client.anonymous(Method::GET, TOKENS),
        405,
        "method-not-allowed",
    )
    .await;
}
