//! Which route a host name and path lead to.

use muster_e2e::Host;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{ask, named, route, until, who};

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
