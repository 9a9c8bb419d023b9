//! `/terms`: versions that never change, asked for before anything else.

use muster_api::{
    page::Page,
    terms::{Acceptance, Term, TermInfo},
    tokens::{OAuthError, TokenReply, TokenRequest},
};
use muster_e2e::{Client, Host, PASSWORD, only_field, refuse};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

fn ask(client: &Client, request: &TokenRequest) -> RequestBuilder {
    client.anonymous(Method::POST, "/oauth/token").form(request)
}

fn by_password(accept_terms: Option<u64>) -> TokenRequest {
    TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        accept_terms,
        ..TokenRequest::default()
    }
}

async fn tokens(request: RequestBuilder) -> TokenReply {
    let reply = request.send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::OK);
    reply.json().await.expect("JSON")
}

async fn asked(request: RequestBuilder, version: u64) {
    let reply = request.send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    let error: OAuthError = reply.json().await.expect("JSON");
    assert_eq!(
        (error.error.as_str(), error.terms),
        ("terms_required", Some(version))
    );
}

async fn add(client: &Client, text: &str) -> TermInfo {
    let new = json!({ "media_type": "text/markdown", "text": text });
    client.send(Method::POST, "/terms", &new).await
}

#[tokio::test]
async fn a_new_version_asks_everybody_again() {
    let host = Host::start().await;
    let client = host.client().await;
    let before = tokens(ask(&client, &by_password(None))).await;
    let text = "# Terms\n<script>alert(1)</script>\nBe kind.\n";
    let first = add(&client, text).await;
    assert_eq!((first.version, first.size), (1, text.len() as u64));

    asked(ask(&client, &by_password(None)), 1).await;
    asked(ask(&client, &by_password(Some(2))), 1).await;
    // Who does not know the password learns nothing of it.
    let wrong = TokenRequest {
        password: Some("wrong".to_owned()),
        ..by_password(Some(1))
    };
    let reply = ask(&client, &wrong).send().await.expect("an answer");
    let error: OAuthError = reply.json().await.expect("JSON");
    assert_eq!(error.error, "invalid_grant");
    let none: Page<Acceptance> = client.get("/term-acceptances").await;
    assert!(none.items.is_empty());

    // Anybody reads them, as they were given and as JSON.
    let shown = client.anonymous(Method::GET, "/api/v1/terms/1");
    let shown = shown.send().await.expect("an answer");
    assert_eq!(shown.headers()["content-type"], "application/json");
    let shown: Term = shown.json().await.expect("JSON");
    assert_eq!(shown.text, text);

    // A session that began before goes on until it needs new tokens.
    let _: Value = client.get("/self").await;
    let refresh = TokenRequest {
        grant_type: "refresh_token".to_owned(),
        refresh_token: before.refresh_token.clone(),
        ..TokenRequest::default()
    };
    asked(ask(&client, &refresh), 1).await;
    tokens(ask(&client, &by_password(Some(1)))).await;
    tokens(ask(&client, &by_password(None))).await;
    // Its refresh token was not used up.
    tokens(ask(&client, &refresh)).await;

    let second = add(&client, "Be kinder.").await;
    assert_eq!(second.version, 2);
    asked(ask(&client, &by_password(Some(1))), 2).await;
    tokens(ask(&client, &by_password(Some(2)))).await;
    let old: Term = client.get("/terms/1").await;
    assert_eq!((old.text.as_str(), old.info.digest), (text, first.digest));

    let all: Page<Acceptance> = client.get("/term-acceptances").await;
    let versions: Vec<_> = all.items.iter().map(|accepted| accepted.version).collect();
    assert_eq!(versions, [1, 2]);
    assert!(all.items.iter().all(|accepted| accepted.name == "admin"));
    assert_eq!(all.items[0].origin.as_deref(), Some("127.0.0.1"));
    let page: Page<Acceptance> = client.get("/term-acceptances?limit=1").await;
    let next = format!("/term-acceptances?limit=1&cursor={}", page.next.unwrap());
    let page: Page<Acceptance> = client.get(&next).await;
    assert_eq!(page.items, all.items[1..]);
    let one: Page<Acceptance> = client.get("/term-acceptances?version=2").await;
    assert_eq!(one.items, all.items[1..]);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    let post = |body: Value| client.request(Method::POST, "/terms").json(&body);
    let problem = refuse(post(json!({ "text": "  " })), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "text");
    refuse(
        post(json!({ "text": "a", "version": 7 })),
        422,
        "invalid-request",
    )
    .await;
    refuse(
        post(json!({ "text": "a", "media_type": "image/png" })),
        422,
        "invalid-request",
    )
    .await;
    let large = "x".repeat(600 << 10);
    let problem = refuse(post(json!({ "text": large })), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "text");
    refuse(
        client.request(Method::GET, "/terms/1"),
        404,
        "term-not-found",
    )
    .await;
    let cursor = client.request(Method::GET, "/terms?cursor=x");
    refuse(cursor, 422, "invalid-request").await;
    let nobody = client.anonymous(Method::GET, "/api/v1/term-acceptances");
    refuse(nobody, 401, "unauthorized").await;
    let nobody = client.anonymous(Method::POST, "/api/v1/terms");
    refuse(nobody.json(&json!({ "text": "a" })), 401, "unauthorized").await;
    let list: Page<TermInfo> = client.get("/terms").await;
    assert!(list.items.is_empty());
}
