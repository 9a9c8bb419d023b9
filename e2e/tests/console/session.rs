//! How the console is served, and how a browser keeps its session.

use muster_e2e::{Host, PASSWORD};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::Value;

fn http() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

fn own(host: &Host, method: Method, path: &str, cookie: &str) -> RequestBuilder {
    http()
        .request(method, format!("{}{path}", host.url()))
        .header("muster-console", "1")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, cookie)
}

fn sign_in(host: &Host, password: &str) -> RequestBuilder {
    let form = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", password),
    ];
    own(host, Method::POST, "/session", "").form(&form)
}

/// The cookie of an answer, as it is sent back, and with what goes with it.
fn cookie(response: &Response) -> (String, String) {
    let whole = response.headers()[header::SET_COOKIE]
        .to_str()
        .expect("ASCII")
        .to_owned();
    let pair = whole.split(';').next().unwrap_or_default().to_owned();
    (pair, whole)
}

async fn page(host: &Host, path: &str, tag: Option<&str>) -> Response {
    let request = http().get(format!("{}{path}", host.url()));
    let request = request.header(header::ACCEPT, "text/html,*/*;q=0.8");
    let request = match tag {
        Some(tag) => request.header(header::IF_NONE_MATCH, tag),
        None => request,
    };
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn no_script_sees_what_renews_a_session() {
    let host = Host::start().await;
    let response = sign_in(&host, PASSWORD).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let (first, whole) = cookie(&response);
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(whole.contains(word), "{whole}");
    }
    let body: Value = response.json().await.expect("JSON");
    assert!(body["access_token"].is_string(), "{body}");
    assert!(body.get("refresh_token").is_none(), "{body}");

    let renew = |cookie: String| own(&host, Method::POST, "/session/renewal", &cookie).send();
    let renewed = renew(first.clone()).await.expect("an answer");
    assert_eq!(renewed.status(), StatusCode::OK);
    let (second, _) = cookie(&renewed);
    assert_ne!(first, second);
    // The second use of a secret ends the session: somebody has a copy.
    let copied = renew(first).await.expect("an answer");
    assert_eq!(copied.status(), StatusCode::NO_CONTENT);
    assert!(cookie(&copied).1.contains("Max-Age=0"));
    let late = renew(second).await.expect("an answer");
    assert_eq!(late.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_signs_out_is_out() {
    let host = Host::start().await;
    let response = sign_in(&host, PASSWORD).send().await.expect("an answer");
    let (pair, _) = cookie(&response);
    let body: Value = response.json().await.expect("JSON");
    let token = body["access_token"].as_str().expect("a token").to_owned();
    let ended = own(&host, Method::DELETE, "/session", &pair).send();
    let ended = ended.await.expect("an answer");
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert!(cookie(&ended).1.contains("Max-Age=0"));
    let own = http()
        .get(format!("{}/api/v1/self", host.url()))
        .bearer_auth(token);
    let refused = own.send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_of_others_get_nothing() {
    let host = Host::start().await;
    let wrong = sign_in(&host, "wrong").send().await.expect("an answer");
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    for path in ["/session", "/session/renewal"] {
        let url = format!("{}{path}", host.url());
        let unmarked = http().post(&url).send().await.expect("an answer");
        assert_eq!(unmarked.status(), StatusCode::FORBIDDEN, "{path}");
        let request = http().post(&url).header("muster-console", "1");
        let foreign = request.header("sec-fetch-site", "cross-site").send();
        let foreign = foreign.await.expect("an answer");
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn every_view_has_an_address_and_programs_find_what_they_found_before() {
    let host = Host::start().await;
    let first = page(&host, "/", None).await;
    let policy = first.headers().get(header::CONTENT_SECURITY_POLICY);
    let policy = policy.expect("a policy").to_str().expect("ASCII");
    assert!(
        policy.contains("script-src 'self' 'wasm-unsafe-eval'"),
        "was the console built, with `cargo xtask console`? {policy}"
    );
    assert!(!policy.contains("inline"), "{policy}");
    let tag = first.headers()[header::ETAG]
        .to_str()
        .expect("ASCII")
        .to_owned();
    let body = first.text().await.expect("a page");
    let known = page(&host, "/", Some(&tag)).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let deep = page(&host, "/apps/shop/logs?filter=x", None).await;
    assert_eq!(deep.status(), StatusCode::OK);
    assert_eq!(deep.text().await.expect("a page"), body);

    for file in body.split('"').filter(|word| word.starts_with("/console/")) {
        let asked = http().get(format!("{}{file}", host.url()));
        let asked = asked.header(header::ACCEPT_ENCODING, "br");
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "br", "{file}");
        let kept = answer.headers()[header::CACHE_CONTROL].to_str();
        assert!(kept.expect("ASCII").contains("immutable"), "{file}");
    }
    for path in ["/api/v1/nothing", "/oauth/nothing", "/console/nothing.js"] {
        let nothing = page(&host, path, None).await;
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let program = http().get(format!("{}/hosts", host.url())).send();
    let program = program.await.expect("an answer");
    assert_eq!(program.status(), StatusCode::NOT_FOUND);
}
