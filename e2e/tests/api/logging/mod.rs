//! What a host logs, how and where to, changed while it runs.

mod places;

use std::time::Duration;

use muster_api::logging::{LogLevel, LoggingSource, LoggingState};
use muster_e2e::{Client, Host, HostOptions, PASSWORD, eventually, only_field, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Changes how a host logs.
pub async fn put(client: &Client, change: Value) -> LoggingState {
    client.send(Method::PUT, "/logging", &change).await
}

/// Asks for something that exists nowhere else, and gives its name: a debug line
/// of the API has it.
async fn mention(client: &Client, name: &str) {
    let request = client.request(Method::GET, &format!("/apps/{name}"));
    let status = request.send().await.expect("the host answers").status();
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn levels_change_at_once_and_by_module() {
    let host = Host::start().await;
    let client = host.client().await;
    let before: LoggingState = client.get("/logging").await;
    assert_eq!(before.source, LoggingSource::Start);
    assert_eq!(before.logging, before.start);
    mention(&client, "app-one").await;

    let state = put(
        &client,
        json!({ "logging": { "modules": { "muster_server::http": "debug" } } }),
    )
    .await;
    assert_eq!(state.source, LoggingSource::Changed);
    mention(&client, "app-two").await;
    put(&client, json!({ "logging": { "level": "warn" } })).await;
    mention(&client, "app-three").await;
    // Lines for standard error are written before the answer is sent.
    let log = host.log();
    assert!(!log.contains("app-one"), "{log}");
    assert!(log.contains("DEBUG muster_server::http"), "{log}");
    assert!(log.contains("app-two"), "{log}");
    assert!(!log.contains("app-three"), "{log}");

    let state: LoggingState = client.send(Method::DELETE, "/logging", &json!({})).await;
    assert_eq!(
        (state.source, &state.logging),
        (LoggingSource::Start, &before.logging)
    );
}

#[tokio::test]
async fn a_passing_change_ends_by_itself() {
    let host = Host::start().await;
    let client = host.client().await;
    put(&client, json!({ "logging": { "level": "warn" } })).await;
    let state = put(
        &client,
        json!({ "logging": { "level": "debug" }, "for": "1s" }),
    )
    .await;
    assert!(state.until.is_some(), "{state:?}");
    let state = eventually("the end of a passing change", async || {
        let state: LoggingState = client.get("/logging").await;
        (state.logging.level == LogLevel::Warn).then_some(state)
    })
    .await;
    assert_eq!((state.until, state.source), (None, LoggingSource::Changed));

    // A later change is not ended by an earlier one's time.
    put(
        &client,
        json!({ "logging": { "level": "debug" }, "for": "1s" }),
    )
    .await;
    put(&client, json!({ "logging": { "level": "error" } })).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let state: LoggingState = client.get("/logging").await;
    assert_eq!((state.logging.level, state.until), (LogLevel::Error, None));
}

#[tokio::test]
async fn what_is_kept_holds_until_somebody_says_otherwise() {
    let mut host = Host::start().await;
    let client = host.client().await;
    put(&client, json!({ "logging": { "level": "error" } })).await;
    let state = put(
        &client,
        json!({ "logging": { "level": "warn" }, "persist": true }),
    )
    .await;
    assert_eq!(state.source, LoggingSource::Kept);
    put(&client, json!({ "logging": { "level": "debug" } })).await;
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let state: LoggingState = client.get("/logging").await;
    assert_eq!(
        (state.logging.level, state.source),
        (LogLevel::Warn, LoggingSource::Kept)
    );
    assert_eq!(state.start.level, LogLevel::Info);
    let data_dir = host.data_dir().to_owned();
    assert!(host.stop().await.success());

    let explicit = Host::start_with(HostOptions {
        data_dir: Some(data_dir),
        env: vec![("MUSTER_LOG".to_owned(), "debug".to_owned())],
        ..HostOptions::default()
    })
    .await;
    let client = explicit.client().await;
    let state: LoggingState = client.get("/logging").await;
    assert_eq!(
        (state.logging.level, state.source),
        (LogLevel::Debug, LoggingSource::Start)
    );
    assert_eq!(
        state.kept.expect("it is kept all the same").level,
        LogLevel::Warn
    );
    let state: LoggingState = client.send(Method::DELETE, "/logging", &json!({})).await;
    assert_eq!(state.kept, None);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field_and_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    let before: LoggingState = client.get("/logging").await;
    for (change, field) in [
        (
            json!({ "logging": { "modules": { "a b": "info" } } }),
            "logging.modules.a b",
        ),
        (json!({ "logging": { "to": [] } }), "logging.to"),
        (json!({ "logging": {}, "for": "1ms" }), "for"),
        (
            json!({ "logging": {}, "for": "1m", "persist": true }),
            "for",
        ),
        (
            json!({ "logging": { "to": [{ "kind": "file", "path": "../muster.db" }] } }),
            "logging.to[0].path",
        ),
        (
            json!({ "logging": { "to": [{ "kind": "file", "path": "/tmp/elsewhere.log" }] } }),
            "logging.to[0].path",
        ),
        (
            json!({ "logging": { "to": [{ "kind": "stderr" }, { "kind": "syslog", "address": "unix:/nowhere/log" }] } }),
            "logging.to[1]",
        ),
    ] {
        let request = client.request(Method::PUT, "/logging").json(&change);
        let problem = refuse(request, 422, "invalid-request").await;
        assert_eq!(only_field(&problem), field, "{change}");
    }
    for change in [
        json!({ "logging": { "level": "loud" } }),
        json!({ "logging": { "to": [{ "kind": "printer" }] } }),
        json!({ "level": "info" }),
    ] {
        let request = client.request(Method::PUT, "/logging").json(&change);
        refuse(request, 422, "invalid-request").await;
    }
    let planned: LoggingState = client
        .send(
            Method::PUT,
            "/logging?dry_run=true",
            &json!({ "logging": { "level": "debug" }, "persist": true }),
        )
        .await;
    assert_eq!(planned.logging.level, LogLevel::Debug);
    let after: LoggingState = client.get("/logging").await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn not_even_the_most_talkative_host_tells_secrets() {
    let host = Host::start_with(HostOptions {
        env: vec![("MUSTER_LOG".to_owned(), "trace".to_owned())],
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    let link = client.anonymous(Method::GET, "/api/v1/info?token=s3cret-in-a-link");
    link.send().await.expect("the host answers");
    let page = client.anonymous(Method::GET, "/nowhere?token=s3cret-in-a-link");
    page.send().await.expect("the host answers");
    let bearer = client
        .anonymous(Method::GET, "/api/v1/info")
        .bearer_auth("s3cret-bearer");
    bearer.send().await.expect("the host answers");
    let log = host.log();
    assert!(log.contains("TRACE"), "it is talkative");
    for secret in ["s3cret-in-a-link", "s3cret-bearer", PASSWORD] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}
