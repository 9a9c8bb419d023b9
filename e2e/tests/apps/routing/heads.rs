//! What a request's head says, and what the host makes of it.

use muster_api::problem::Problem;
use muster_e2e::{Host, RawAnswer, guest, raw, refuse, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ask, done, named, route, until, who};

/// Checks that a raw answer is this problem.
fn assert_problem(answer: &RawAnswer, status: u16, code: &str, told: &str) {
    assert_eq!(answer.status.as_u16(), status, "{told}: {answer:?}");
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json"),
        "{told}"
    );
    let problem: Problem = serde_json::from_str(&answer.body).expect("JSON");
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
