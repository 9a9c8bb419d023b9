//! What the host says of itself: `/info`, `/status`, the probes, the metrics and
//! the description of the API; and that nothing else is for strangers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use muster_api::{
    permissions::Access,
    roles::{Role, RoleState},
    status::{Info, Status},
};
use muster_e2e::{Client, Host, HostOptions, eventually, guest, refuse, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

async fn plain(client: &Client, path: &str) -> (StatusCode, String, String) {
    let reply = client
        .anonymous(Method::GET, path)
        .send()
        .await
        .expect("the host answers");
    let kind = reply.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    (reply.status(), kind, reply.text().await.expect("a body"))
}

async fn ready(client: &Client) -> bool {
    plain(client, "/readyz").await.0 == StatusCode::OK
}

/// Waits until the host is ready, or is not.
async fn until_ready(client: &Client, wanted: bool) {
    eventually(&format!("readiness is {wanted}"), async || {
        (ready(client).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_host_says_what_it_is_and_stays_it() {
    let options = HostOptions {
        env: vec![
            ("MUSTER_NAME".to_owned(), "edge-1".to_owned()),
            ("MUSTER_APP_DOMAIN".to_owned(), "apps.test".to_owned()),
        ],
        ..HostOptions::default()
    };
    let mut host = Host::start_with(options).await;
    let info: Info = host.client().await.get("/info").await;
    assert_eq!(info.name, "edge-1");
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert!(info.engine.starts_with("wasmtime 48."), "{}", info.engine);
    assert_eq!(info.management, host.url());
    assert_eq!(info.apps, format!("http://{}", host.apps()));
    assert_eq!(info.app_domain, "apps.test");
    assert_eq!(
        info.roles,
        ["base", "controller", "dea", "primary", "router", "stager"]
    );
    assert_eq!(info.available, ["load-balancer"]);
    for name in ["wasi:http/types@0.2.", "wasi:http/types@0.3."] {
        let offered = info.offered.iter().any(|known| known.starts_with(name));
        assert!(offered, "{name}: {:?}", info.offered);
    }

    host.kill_and_restart();
    host.wait_ready().await;
    let again: Info = host.client().await.get("/info").await;
    assert_eq!(again, info);
}

#[tokio::test]
async fn readiness_metrics_and_status_follow_what_runs() {
    let host = Host::start().await;
    let client = host.client().await;
    let text = "text/plain; charset=utf-8".to_owned();
    let healthz = plain(&client, "/healthz").await;
    assert_eq!(healthz, (StatusCode::OK, text.clone(), "ok\n".to_owned()));
    let readyz = plain(&client, "/readyz").await;
    assert_eq!(readyz, (StatusCode::OK, text.clone(), "ready\n".to_owned()));

    let status: Status = client.get("/status").await;
    assert_eq!((status.apps, status.running, status.desired), (0, 0, 0));
    assert!(status.ready && status.attention.is_empty(), "{status:?}");
    assert_eq!(status.roles.len(), 6, "{status:?}");
    let all_run = |role: &Role| role.state == RoleState::Running;
    assert!(status.roles.iter().all(all_run), "{status:?}");

    client.push_component("hello", &guest("hello")).await;
    assert_eq!(client.ask("hello.localhost", "/").await.0, StatusCode::OK);
    assert_eq!(
        client.ask("hello.localhost", "/no").await.0,
        StatusCode::NOT_FOUND
    );
    let (status, kind, metrics) = plain(&client, "/metrics").await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::OK, "text/plain; version=0.0.4")
    );
    for line in [
        "muster_apps 1",
        "muster_instances_running 1",
        "muster_instances_desired 1",
        r#"muster_app_requests_total{app="hello",status="2xx"} 1"#,
        r#"muster_app_requests_total{app="hello",status="4xx"} 1"#,
        r#"muster_app_request_seconds_count{app="hello"} 2"#,
    ] {
        assert!(
            metrics.lines().any(|known| known == line),
            "{line}: {metrics}"
        );
    }
    assert!(metrics.contains(r#"muster_app_request_seconds_bucket{app="hello",le="+Inf"} 2"#));

    // Whoever comes by a proxy on this machine is somebody from elsewhere.
    let far = || {
        let request = client.anonymous(Method::GET, "/metrics");
        request.header("x-forwarded-for", "192.0.2.7")
    };
    refuse(far(), 401, "unauthorized").await;
    let bad = client.anonymous(Method::GET, "/metrics").bearer_auth("no");
    refuse(bad, 401, "unauthorized").await;
    let narrow = json!({ "name": "narrow", "scopes": ["app:read"] });
    let narrow: Value = client.send(Method::POST, "/self/keys", &narrow).await;
    let said = |field: &str| narrow[field].as_str().expect("text").to_owned();
    let keyed = client.with_key(&said("id"), &said("secret")).await;
    let may_not = keyed.as_is(Method::GET, "/metrics");
    refuse(may_not, 403, "forbidden").await;
    let known = client.as_is(Method::GET, "/metrics");
    let known = known.header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!(known.unwrap().status(), StatusCode::OK);
    let open = json!({ "metrics": "open" });
    let _: Value = client.send(Method::PUT, "/config/management", &open).await;
    assert_eq!(far().send().await.unwrap().status(), StatusCode::OK);

    // Without the role that runs instances, the host empties itself.
    let _: Value = client
        .send(Method::DELETE, "/roles/dea", &Value::Null)
        .await;
    until_ready(&client, false).await;
    let readyz = plain(&client, "/readyz").await;
    let not = (
        StatusCode::SERVICE_UNAVAILABLE,
        text,
        "not ready\n".to_owned(),
    );
    assert_eq!(readyz, not);
    // Being alive is not the same as being ready.
    assert_eq!(plain(&client, "/healthz").await.0, StatusCode::OK);
    let status: Status = client.get("/status").await;
    assert!(!status.ready, "{status:?}");
    assert_eq!((status.running, status.desired), (0, 1));
    assert_eq!(status.attention, ["app hello: 0 of 1 instances serve"]);
    let info: Info = client.get("/info").await;
    assert_eq!(info.available, ["dea", "load-balancer"]);
    assert!(!info.roles.contains(&"dea".to_owned()), "{info:?}");

    let back = client.request(Method::PUT, "/roles/dea").send().await;
    assert_eq!(back.unwrap().status(), StatusCode::OK);
    until_ready(&client, true).await;
    let status: Status = client.get("/status").await;
    assert_eq!((status.running, status.desired), (1, 1));
    assert!(status.attention.is_empty(), "{status:?}");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_as_problems() {
    let host = Host::start().await;
    let client = host.client().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v2/apps",
        "/api/v1/apps/",
    ] {
        let problem = refuse(client.anonymous(Method::GET, path), 404, "no-such-route").await;
        assert_eq!(problem.detail, path);
    }
    for (method, path, allowed) in [
        (Method::POST, "/api/v1/info", "GET,HEAD,PATCH"),
        (Method::PUT, "/api/v1/apps/hello", "GET,HEAD,PATCH,DELETE"),
        (Method::DELETE, "/api/v1/jobs", "GET,HEAD"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::POST, "/api/openapi.json", "GET,HEAD"),
    ] {
        let request = client.anonymous(method.clone(), path);
        let reply = request.send().await.unwrap();
        let mut named = reply.headers()["allow"]
            .to_str()
            .unwrap()
            .split(',')
            .collect::<Vec<_>>();
        let mut allowed = allowed.split(',').collect::<Vec<_>>();
        named.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(named, allowed, "{method} {path}");
        let problem = refused(reply, 405, "method-not-allowed").await;
        assert_eq!(problem.detail, format!("{method} {path}"));
    }
    // A client may bring its own id, and finds it again.
    let request = client
        .request(Method::GET, "/apps/nobody")
        .header("x-request-id", "mine-1");
    let problem = refuse(request, 404, "app-not-found").await;
    assert_eq!(problem.request_id.as_deref(), Some("mine-1"));
}

/// The description of the API.
async fn document(client: &Client) -> Value {
    let (status, kind, text) = plain(client, "/api/openapi.json").await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::OK, "application/json")
    );
    serde_json::from_str(&text).expect("JSON")
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("an object") {
        for (method, operation) in methods.as_object().expect("an object") {
            let method = method.to_ascii_uppercase().parse().expect("a method");
            all.push((method, path.clone(), operation));
        }
    }
    all
}

#[tokio::test]
async fn the_api_is_described() {
    let host = Host::start().await;
    let document = document(&host.client().await).await;
    for (method, path, operation) in operations(&document) {
        let told = format!("{method} {path}");
        assert!(
            muster_api::permissions::operation(method.as_str(), &path).is_some(),
            "{told} names no permission"
        );
        assert!(operation["operationId"].is_string(), "{told}");
        assert!(operation["summary"].is_string(), "{told}");
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{told}"
        );
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = name.trim_end_matches('}');
            let is_described = |known: &Value| known["name"] == name && known["in"] == "path";
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(is_described), "{told}: {name}");
        }
    }
    insta::assert_json_snapshot!("openapi", document);
}

fn segment(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, payload: &str, key: &[u8]) -> String {
    let text = format!("{}.{payload}", segment(header));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("JSON");
    mac.update(text.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{text}.{signature}")
}

/// Tokens that say what a good one says, but are none.
fn forged(good: &str) -> Vec<(&'static str, String)> {
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("{good} is no token");
    };
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON");
    claims["name"] = json!("somebody");
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let none = segment(&json!({ "alg": "none", "typ": "JWT" }));
    vec![
        ("no token", "not-a-token".to_owned()),
        ("an empty token", String::new()),
        ("no algorithm", format!("{none}.{payload}.")),
        (
            "no algorithm, a signature",
            format!("{none}.{payload}.{signature}"),
        ),
        ("another key", signed(&hs256, payload, b"another key")),
        ("an empty key", signed(&hs256, payload, b"")),
        ("no signature", format!("{header}.{payload}.")),
        (
            "other claims",
            format!("{header}.{}.{signature}", segment(&claims)),
        ),
        ("two parts", format!("{header}.{payload}")),
    ]
}

#[tokio::test]
async fn nothing_but_the_way_in_is_for_strangers() {
    let host = Host::start().await;
    let client = host.client().await;
    // So many strangers at once would be slowed down, which is tested elsewhere.
    let limits = json!({ "address": { "per_minute": 100_000, "burst": 10_000 } });
    let _: Value = client
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    let request =
        json!({ "grant_type": "password", "username": "admin", "password": muster_e2e::PASSWORD });
    let good: Value = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&request)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let good = good["access_token"].as_str().unwrap();
    let info = client
        .anonymous(Method::GET, "/api/v1/info")
        .bearer_auth(good);
    assert_eq!(info.send().await.unwrap().status(), StatusCode::OK);

    let document = document(&client).await;
    let mut walked = 0;
    for (method, path, operation) in operations(&document) {
        let told = format!("{method} {path}");
        if muster_api::permissions::operation(method.as_str(), &path)
            .is_some_and(|operation| operation.access == Access::Public)
        {
            assert_eq!(operation["security"], json!([{}]), "{told}");
            continue;
        }
        assert_eq!(
            operation.get("security"),
            None,
            "{told} differs from all others"
        );
        let path: String = path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "0199d1a2-0000-7000-8000-000000000000"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        let ask = || client.anonymous(method.clone(), &path).json(&json!({}));
        let bare = refuse(ask(), 401, "unauthorized").await;
        assert_eq!(bare.detail, "the request has no access token", "{told}");
        for (what, token) in forged(good) {
            let problem = refuse(ask().bearer_auth(token), 401, "unauthorized").await;
            assert!(problem.fields.is_empty(), "{told} with {what}: {problem:?}");
        }
        walked += 1;
    }
    assert_eq!(
        document["security"],
        json!([{ "token": [] }, { "oauth2": [] }])
    );
    assert!(walked >= 25, "only {walked} operations are described");
}
