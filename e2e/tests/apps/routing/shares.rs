//! Which of several apps and instances gets a request.

use std::collections::{BTreeMap, BTreeSet};

use muster_api::{
    jobs::JobState,
    logs::{LogLine, LogSource},
    page::Page,
    pushes::Push,
};
use muster_e2e::{Client, Host, eventually, guest, push_of, refuse};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{ask, done, named, route, until, who};

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
    let id = reply.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    reply.bytes().await.expect("a body");
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
    let value = reply.headers().get("set-cookie")?.to_str().expect("text");
    let (pair, attributes) = value.split_once("; ").expect("a cookie");
    let (name, value) = pair.split_once('=').expect("a cookie");
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
