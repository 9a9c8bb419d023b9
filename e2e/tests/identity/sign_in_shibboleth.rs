//! Signing in through a proxy that tells in headers who somebody is; and what
//! those headers are worth from anybody else.

use muster_api::users::{User, UserType};
use muster_e2e::{
    Client, Host,
    sign_in::{authorize, offer},
};
use reqwest::{RequestBuilder, Response, StatusCode, redirect::Policy};
use serde_json::json;

const SECRET: &str = "a secret that only the proxy has, and nobody guesses";
const PROOF: (&str, &str) = ("x-muster-proxy-secret", SECRET);
const WHO: [(&str, &str); 4] = [
    ("eppn", "ada@example.org"),
    ("mail", "ada@example.org"),
    ("cn", "Ada Lovelace"),
    ("affiliation", "staff@example.org;member@example.org"),
];

struct Scene {
    host: Host,
    admin: Client,
    http: reqwest::Client,
}

impl Scene {
    async fn start(proxies: &[&str]) -> Self {
        let host = Host::start().await;
        let admin = host.client().await;
        let method = json!({
            "name": "campus",
            "label": "University account",
            "policy": { "create": true },
            "settings": {
                "kind": "shibboleth",
                "proxies": proxies,
                "secret": SECRET,
                "group_types": { "staff@example.org": "operator" },
            },
        });
        offer(&admin, &[method]).await;
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy();
        Self {
            host,
            admin,
            http: http.build().expect("a client"),
        }
    }

    /// The proxy's request, from a browser that has begun to sign in.
    async fn request(&self) -> RequestBuilder {
        let begun = self.http.get(authorize(&self.host, "s", None)).send().await;
        let begun = begun.expect("an answer");
        let set = begun.headers()["set-cookie"].to_str().expect("text");
        let cookie = set.split(';').next().unwrap_or_default();
        let url = format!("{}/sign-in/campus", self.host.url());
        self.http.get(url).header("cookie", cookie)
    }

    async fn is_refused(&self, request: RequestBuilder) {
        let reply: Response = request.send().await.expect("an answer");
        assert_eq!(reply.status(), StatusCode::FORBIDDEN);
        assert!(!reply.headers().contains_key("set-cookie"));
        let users: muster_api::page::Page<User> = self.admin.get("/users").await;
        assert_eq!(users.items.len(), 1, "{users:?}");
    }
}

fn with(request: RequestBuilder, headers: &[(&'static str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}

#[tokio::test]
async fn a_proxy_tells_who_somebody_is() {
    let scene = Scene::start(&["127.0.0.1/32"]).await;
    let request = with(scene.request().await, &WHO).header(PROOF.0, PROOF.1);
    let reply = request.send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::SEE_OTHER);
    let set = reply.headers()["set-cookie"].to_str().expect("text");
    let cookie = set.split(';').next().unwrap_or_default();
    let url = format!("{}/sign-in", scene.host.url());
    let reply = scene
        .http
        .get(url)
        .header("cookie", cookie)
        .send()
        .await
        .expect("an answer");
    let location = reply.headers()["location"].to_str().expect("text");
    assert!(location.contains("code=muster_ac_"), "{location}");
    let user: User = scene.admin.get("/users/ada").await;
    assert_eq!(user.kind, UserType::Operator);
    assert_eq!(user.display_name, "Ada Lovelace");
}

#[tokio::test]
async fn headers_without_the_secret_are_refused() {
    let scene = Scene::start(&["127.0.0.1/32"]).await;
    scene.is_refused(with(scene.request().await, &WHO)).await;
    let wrong =
        with(scene.request().await, &WHO).header(PROOF.0, "another secret of at least that length");
    scene.is_refused(wrong).await;
    // A second copy, or another spelling, may be the client's own.
    for more in [
        ("eppn", "admin@example.org"),
        ("Eppn", "x@example.org"),
        ("http_eppn", "x@example.org"),
    ] {
        let twice = with(scene.request().await, &WHO).header(PROOF.0, PROOF.1);
        scene.is_refused(with(twice, &[more])).await;
    }
}

#[tokio::test]
async fn headers_from_elsewhere_are_refused_whatever_they_say_of_their_origin() {
    let scene = Scene::start(&["127.9.9.9/32"]).await;
    let plain = with(scene.request().await, &WHO).header(PROOF.0, PROOF.1);
    scene.is_refused(plain).await;
    let forged = with(scene.request().await, &WHO)
        .header(PROOF.0, PROOF.1)
        .header("x-forwarded-for", "127.9.9.9")
        .header("x-real-ip", "127.9.9.9")
        .header("forwarded", "for=127.9.9.9");
    scene.is_refused(forged).await;
}
