//! Which app a request reaches, and what it is told on the way.

use std::collections::{BTreeMap, BTreeSet};

use muster_api::{
    jobs::{Job, JobState},
    logs::{LogLine, LogSource},
    page::Page,
    problem::Problem,
    pushes::{Push, SettingsChange},
    routes::Route,
};
use muster_e2e::{Client, Host, RawAnswer, eventually, guest, push_of, raw, refuse, refused};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// Pushes an app that answers every path with its name.
async fn named(client: &Client, name: &str) {
    let push = Push {
        settings: SettingsChange {
            fallback: Some("index.html".to_owned()),
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("index.html", name.as_bytes()).await])
    };
    let job = client.push(name, &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
}

async fn route(client: &Client, new: Value) -> Route {
    client.send(Method::POST, "/routes", &new).await
}

async fn done(client: &Client, method: Method, path: &str, body: Value) {
    let job: Job = client.send(method, path, &body).await;
    let job = client.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{path}: {job:?}");
}

/// A request as a browser makes it.
async fn ask(client: &Client, host: &str, path: &str) -> Response {
    let request = client
        .app(Method::GET, host, path)
        .header("accept", "text/html");
    request.send().await.expect("the data path answers")
}

/// The name of the app that answers; the status if none does.
async fn who(client: &Client, host: &str, path: &str) -> String {
    let reply = ask(client, host, path).await;
    match reply.status() {
        StatusCode::OK => reply.text().await.expect("text"),
        status => status.as_u16().to_string(),
    }
}

async fn until<T: PartialEq + std::fmt::Debug>(wanted: T, found: impl AsyncFn() -> T) {
    eventually(&format!("it is {wanted:?}"), async || {
        (found().await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    let host = Host::start().await;
    let client = host.client().await;
    for name in ["one", "two", "three"] {
        named(&client, name).await;
    }
    for (address, app) in [
        ("*", "three"),
        ("*.test", "two"),
        ("*.sub.test", "one"),
        ("exact.test", "one"),
        ("exact.test/shop", "two"),
        ("exact.test/shop/cart", "three"),
        ("part.test/here", "one"),
        ("*.test/deep/down", "three"),
    ] {
        route(&client, json!({ "route": address, "app": app })).await;
    }
    until("one".to_owned(), || who(&client, "exact.test", "/")).await;
    for (name, path, app) in [
        // Exact names go before patterns, longer patterns before shorter ones.
        ("exact.test", "/", "one"),
        ("other.test", "/", "two"),
        ("a.b.other.test", "/", "two"),
        ("x.sub.test", "/", "one"),
        ("x.y.sub.test", "/", "one"),
        ("sub.test", "/", "two"),
        ("test", "/", "three"),
        ("nottest", "/", "three"),
        ("127.0.0.1", "/", "three"),
        // Names in any case, with a port or the dot of the root.
        ("EXACT.Test", "/", "one"),
        ("exact.test:8080", "/", "one"),
        ("exact.test.", "/", "one"),
        // The longest prefix, by whole segments.
        ("exact.test", "/shop", "two"),
        ("exact.test", "/shop/", "two"),
        ("exact.test", "/shop?q=/cart", "two"),
        ("exact.test", "/shop/other", "two"),
        ("exact.test", "/shop/cart", "three"),
        ("exact.test", "/shop/cart/7", "three"),
        ("exact.test", "/shop/cartoon", "two"),
        ("exact.test", "/shopping", "one"),
        ("exact.test", "/Shop", "one"),
        ("exact.test", "/a/shop", "one"),
        ("other.test", "/deep/down/x", "three"),
        ("other.test", "/deep", "two"),
        // Where no path fits, a less specific name is asked.
        ("part.test", "/here/x", "one"),
        ("part.test", "/there", "two"),
        ("part.test", "/deep/down", "three"),
        // Apps keep the addresses of their own.
        ("two.localhost", "/shop", "two"),
    ] {
        assert_eq!(who(&client, name, path).await, app, "{name}{path}");
    }
}

#[tokio::test]
async fn redirects_lead_elsewhere_with_or_without_the_rest_of_the_path() {
    let host = Host::start().await;
    let client = host.client().await;
    for new in [
        json!({ "route": "old.test", "redirect": "https://new.test/home" }),
        json!({ "route": "old.test/kept", "redirect": "https://new.test/here?a=1", "status": 302, "keep_path": true }),
        json!({ "route": "root.test", "redirect": "/", "status": 307, "keep_path": true }),
        json!({ "route": "*.wild.test", "redirect": "http://wild.test", "status": 301, "keep_path": true }),
    ] {
        route(&client, new).await;
    }
    until(StatusCode::MOVED_PERMANENTLY, async || {
        ask(&client, "a.wild.test", "/").await.status()
    })
    .await;
    for (name, path, status, location) in [
        ("old.test", "/", 308, "https://new.test/home"),
        ("old.test", "/x/y?z=1", 308, "https://new.test/home"),
        ("old.test", "/kept", 302, "https://new.test/here?a=1"),
        (
            "old.test",
            "/kept/x/y",
            302,
            "https://new.test/here/x/y?a=1",
        ),
        (
            "old.test",
            "/kept/x?z=2",
            302,
            "https://new.test/here/x?a=1&z=2",
        ),
        ("old.test", "/keptx", 308, "https://new.test/home"),
        ("root.test", "/x?y", 307, "/x?y"),
        // The client cannot choose another host.
        ("root.test", "//evil.test/", 307, "/evil.test/"),
        ("root.test", "/%5Cevil.test", 307, "/%5Cevil.test"),
        ("a.wild.test", "/x", 301, "http://wild.test/x"),
    ] {
        let reply = ask(&client, name, path).await;
        let found = reply.headers()["location"].to_str().unwrap();
        assert_eq!(
            (reply.status().as_u16(), found),
            (status, location),
            "{name}{path}"
        );
    }
    let post = client
        .app(Method::POST, "old.test", "/")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), StatusCode::PERMANENT_REDIRECT);
}

#[tokio::test]
async fn apps_share_a_route_by_weight() {
    const REQUESTS: u32 = 400;
    let host = Host::start().await;
    let client = host.client().await;
    for (name, weight) in [("one", 100), ("three", 300), ("none", 0)] {
        named(&client, name).await;
        let new = json!({ "route": "shared.test", "app": name, "weight": weight });
        route(&client, new).await;
    }
    // All of them are in the table once the last one is.
    until("none".to_owned(), || who(&client, "none.localhost", "/")).await;
    let mut shares: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..REQUESTS {
        *shares
            .entry(who(&client, "shared.test", "/").await)
            .or_default() += 1;
    }
    // Six standard deviations around three quarters.
    let three = shares.get("three").copied().unwrap_or_default();
    assert!((248..=352).contains(&three), "{shares:?}");
    assert_eq!(
        shares.get("one").copied(),
        Some(REQUESTS - three),
        "{shares:?}"
    );

    // Who does not run has no share.
    done(
        &client,
        Method::POST,
        "/apps/three/actions/stop",
        Value::Null,
    )
    .await;
    for _ in 0..20 {
        assert_eq!(who(&client, "shared.test", "/").await, "one");
    }
    done(
        &client,
        Method::POST,
        "/apps/three/actions/start",
        Value::Null,
    )
    .await;
    route(
        &client,
        json!({ "route": "shared.test", "app": "one", "weight": 0 }),
    )
    .await;
    until(true, async || {
        for _ in 0..20 {
            if who(&client, "shared.test", "/").await != "three" {
                return false;
            }
        }
        true
    })
    .await;
    // And a weight of 0 stays one, even if nobody else is left.
    route(
        &client,
        json!({ "route": "shared.test", "app": "three", "weight": 0 }),
    )
    .await;
    until("503".to_owned(), || who(&client, "shared.test", "/")).await;
    refuse(
        client.app(Method::GET, "shared.test", "/"),
        503,
        "app-not-running",
    )
    .await;
}

/// The label of the instance that answered a request, from the access log.
async fn instance(client: &Client, reply: Response) -> String {
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    reply.bytes().await.unwrap();
    eventually("the request is in the log", async || {
        let page: Page<LogLine> = client.get("/apps/shop/logs").await;
        let is_it = |line: &LogLine| {
            line.source == LogSource::Access && line.request.as_deref() == Some(id.as_str())
        };
        let line = page.items.into_iter().find(is_it);
        line.map(|line| line.instance.expect("an instance answered"))
    })
    .await
}

/// The cookie that the reply sets: name, value and attributes.
fn cookie(reply: &Response) -> Option<(String, String, String)> {
    let value = reply.headers().get("set-cookie")?.to_str().unwrap();
    let (pair, attributes) = value.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    Some((name.to_owned(), value.to_owned(), attributes.to_owned()))
}

#[tokio::test]
async fn a_sticky_route_keeps_a_client_with_an_instance() {
    let host = Host::start().await;
    let client = host.client().await;
    let push = Push {
        instances: Some(3),
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    };
    let job = client.push("shop", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    route(
        &client,
        json!({ "route": "sticky.test", "app": "shop", "sticky": true }),
    )
    .await;
    until(StatusCode::OK, async || {
        ask(&client, "sticky.test", "/").await.status()
    })
    .await;

    // Newcomers are spread over all of them, and told where they are.
    let mut seen = BTreeSet::new();
    for newcomer in 0.. {
        if seen.len() == 3 {
            break;
        }
        assert!(newcomer < 200, "only {seen:?} take newcomers");
        let reply = ask(&client, "sticky.test", "/").await;
        assert!(cookie(&reply).is_some());
        seen.insert(instance(&client, reply).await);
    }
    let first = ask(&client, "sticky.test", "/").await;
    let (name, value, attributes) = cookie(&first).unwrap();
    assert!(name.starts_with("muster-sticky-"), "{name}");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    let home = instance(&client, first).await;

    let with = async |value: &str| {
        let request = client.app(Method::GET, "sticky.test", "/");
        let cookies = format!("theme=dark; {name}={value}; other={name}=x");
        request.header("cookie", cookies).send().await.unwrap()
    };
    for _ in 0..12 {
        let reply = with(&value).await;
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(cookie(&reply), None, "who is at home needs no new cookie");
        assert_eq!(instance(&client, reply).await, home);
    }
    // More instances change nothing for those who have one.
    done(
        &client,
        Method::PATCH,
        "/apps/shop",
        json!({ "instances": 4 }),
    )
    .await;
    for _ in 0..4 {
        assert_eq!(instance(&client, with(&value).await).await, home);
    }
    // A cookie of an instance that is gone, or of nothing, leads to a new one.
    done(
        &client,
        Method::POST,
        "/apps/shop/actions/restart",
        Value::Null,
    )
    .await;
    until(true, async || cookie(&with(&value).await).is_some()).await;
    for odd in [value.as_str(), "", "nonsense", "%00", &"x".repeat(2000)] {
        let reply = with(odd).await;
        assert_eq!(reply.status(), StatusCode::OK, "{odd}");
        let (_, value, _) = cookie(&reply).expect("a new cookie");
        let home = instance(&client, reply).await;
        let again = with(&value).await;
        assert_eq!(cookie(&again), None);
        assert_eq!(instance(&client, again).await, home);
    }
    // Routes that are not sticky set no cookies.
    assert_eq!(cookie(&ask(&client, "shop.localhost", "/").await), None);
}

/// Checks that a raw answer is this problem.
fn assert_problem(answer: &RawAnswer, status: u16, code: &str, told: &str) {
    assert_eq!(answer.status.as_u16(), status, "{told}: {answer:?}");
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json"),
        "{told}"
    );
    let problem: Problem = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (status, code),
        "{told}"
    );
}

#[tokio::test]
async fn requests_that_lead_nowhere_are_told_why() {
    let host = Host::start().await;
    let client = host.client().await;
    named(&client, "one").await;
    until("one".to_owned(), || who(&client, "one.localhost", "/")).await;

    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: one.localhost\r\nHost: one.localhost\r\n",
        "GET / HTTP/1.1\r\nHost: one.localhost\r\nhost: other.test\r\n",
        "GET / HTTP/1.1\r\nHost: one.localhost, other.test\r\n",
        "GET / HTTP/1.1\r\nHost: one localhost\r\n",
        "GET / HTTP/1.1\r\nHost: one.localhost/x\r\n",
        "GET / HTTP/1.1\r\nHost: one.localhost:8x\r\n",
        "GET / HTTP/1.1\r\nHost: user@one.localhost\r\n",
        "GET / HTTP/1.1\r\nHost: :80\r\n",
        "GET http://one.localhost/ HTTP/1.1\r\nHost: one.localhost\r\nHost: one.localhost\r\n",
    ] {
        let answer = raw(
            host.apps(),
            format!("{head}Connection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert_problem(&answer, 400, "host-missing", head);
    }
    for head in [
        "GET / HTTP/1.1\r\nHost: ONE.localhost:1\r\n",
        "GET / HTTP/1.0\r\nHost: one.localhost\r\n",
        // An absolute address goes before the header.
        "GET http://one.localhost/ HTTP/1.1\r\nHost: other.test\r\n",
    ] {
        let answer = raw(
            host.apps(),
            format!("{head}Connection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK, "{head}: {answer:?}");
    }
    for broken in [
        "\r\n\r\n\r\nnonsense\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: one.localhost\r\n\r\n",
        "GET /\r\n\r\n",
    ] {
        let answer = raw(host.apps(), broken.as_bytes()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{broken:?}: {answer:?}"
        );
    }

    for name in [
        "other.test",
        "localhost",
        "two.localhost",
        "one.localhost.evil.test",
    ] {
        let problem = refuse(client.app(Method::GET, name, "/"), 404, "route-not-found").await;
        assert!(!problem.title.contains("one"), "{problem:?}");
    }
    route(&client, json!({ "route": "part.test/here", "app": "one" })).await;
    until("one".to_owned(), || who(&client, "part.test", "/here")).await;
    refuse(
        client.app(Method::GET, "part.test", "/"),
        404,
        "route-not-found",
    )
    .await;

    done(&client, Method::POST, "/apps/one/actions/stop", Value::Null).await;
    let reply = ask(&client, "one.localhost", "/").await;
    let wait: u32 = reply.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait >= 1);
    refused(reply, 503, "app-not-running").await;
    done(
        &client,
        Method::POST,
        "/apps/one/actions/start",
        Value::Null,
    )
    .await;
    assert_eq!(who(&client, "one.localhost", "/").await, "one");
}

#[tokio::test]
async fn an_app_hears_where_a_request_came_from_from_the_host_alone() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hostile")).await;
    route(&client, json!({ "route": "shop.test", "app": "shop" })).await;
    until(StatusCode::OK, async || {
        ask(&client, "shop.test", "/headers").await.status()
    })
    .await;
    let claims = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "6.6.6.7"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "6666"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "for=6.6.6.6;host=evil.test"),
        ("x-real-ip", "6.6.6.6"),
        ("x-request-id", "evil-1"),
    ];
    let mut request = client
        .app(Method::GET, "Shop.Test:80", "/headers")
        .header("x-mine", "kept");
    for (name, value) in claims {
        request = request.header(name, value);
    }
    let reply = request.send().await.unwrap();
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = reply.text().await.unwrap();
    let heard = |name: &str| -> Vec<&str> {
        let prefix = format!("{name}: ");
        text.lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .collect()
    };
    assert_eq!(heard("x-mine"), ["kept"]);
    assert_eq!(heard("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(heard("x-forwarded-host"), ["shop.test"]);
    assert_eq!(heard("x-forwarded-proto"), ["http"]);
    assert_eq!(heard("x-request-id"), [id.as_str()]);
    assert!(!text.contains("6.6.6") && !text.contains("evil"), "{text}");
}
