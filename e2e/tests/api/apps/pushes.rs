//! Pushes that are refused, fail, or only stage.

use muster_api::{
    apps::{App, DesiredState},
    blocks::FileEntry,
    jobs::{Job, JobState},
    page::Page,
    problem::Problem,
    pushes::{Push, SettingsChange},
    routes::Route,
    settings::Limits,
};
use muster_e2e::{Case, Client, Host, everything, guest, push_of, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{act, show, until_answers, without_droplet};

#[tokio::test]
async fn a_failed_push_leaves_what_runs_alone_and_is_told_until_one_succeeds() {
    let host = Host::start().await;
    let client = host.client().await;
    without_droplet(&client, "shop").await;
    let app = show(&client, "shop").await.app;
    assert_eq!(app.state, DesiredState::Stopped);
    assert_eq!((app.release, app.droplet, app.urls), (None, None, vec![]));
    assert_eq!(
        app.last_failure.as_deref(),
        Some("The package cannot be staged")
    );

    client.push_component("shop", &guest("hello")).await;
    let good = show(&client, "shop").await.app;
    assert_eq!(good.last_failure, None);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    let shown = everything(&client).await;

    without_droplet(&client, "shop").await;
    let app = show(&client, "shop").await.app;
    assert!(app.last_failure.is_some(), "{app:?}");
    assert_eq!(
        App {
            last_failure: None,
            ..app
        },
        good
    );
    assert_eq!(everything(&client).await["routes"], shown["routes"]);
    assert_eq!(everything(&client).await["app shop"], shown["app shop"]);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_push_may_only_stage() {
    let host = Host::start().await;
    let client = host.client().await;
    let push = Push {
        no_start: true,
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    };
    let job = client.push("shop", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    let app = show(&client, "shop").await.app;
    assert_eq!((app.state, app.running), (DesiredState::Stopped, 0));
    until_answers(
        &client,
        "shop.localhost",
        StatusCode::SERVICE_UNAVAILABLE,
        "",
    )
    .await;

    act(&client, "shop", "start").await;
    let started = show(&client, "shop").await;
    client.push("shop", &push).await;
    let after = show(&client, "shop").await;
    assert_eq!(after.placements, started.placements);
    assert_eq!(after.app.release, started.app.release);
    let droplets: Value = client.get("/apps/shop/droplets").await;
    assert_eq!(droplets["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_is_no_push_is_refused_at_once_and_makes_no_app() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("app.wasm", &guest("hello")).await;
    let entry = |path: &str| json!({ "path": path, "size": file.size, "blocks": file.blocks });
    let push = |files: Value| json!({ "files": files });
    let with = |key: &str, value: Value| json!({ "files": [entry("app.wasm")], key: value });
    let settings = |key: &str, value: Value| with("settings", json!({ key: value }));

    let mut cases = Vec::new();
    let long = "x".repeat(64);
    for name in [
        "Shop", "1a", "a-", "-a", "a.b", "a_b", "%C3%A4", "a%2Fb", "..%2Fa", &long,
    ] {
        let path = format!("/apps/{name}/pushes");
        cases.push(Case::field(
            Method::POST,
            path,
            with("instances", json!(1)),
            "app",
        ));
    }
    let path = "/apps/shop/pushes";
    for (body, field) in [
        (json!({}), "files"),
        (push(json!([])), "files"),
        (push(json!([entry("../a")])), "files"),
        (push(json!([entry("/a")])), "files"),
        (push(json!([entry("a//b")])), "files"),
        (push(json!([entry("a\\b")])), "files"),
        (push(json!([entry("a\nb")])), "files"),
        (push(json!([entry("")])), "files"),
        (push(json!([entry(&"x".repeat(300))])), "files"),
        (push(json!([entry("a"), entry("a")])), "files"),
        (push(json!([entry("a"), entry("a/b")])), "files"),
        (
            push(json!([{ "path": "a", "size": file.size + 1, "blocks": file.blocks }])),
            "files",
        ),
        (
            push(json!([{ "path": "a", "size": 0, "blocks": file.blocks }])),
            "files",
        ),
        (
            push(json!([{ "path": "a", "size": file.size, "blocks": [] }])),
            "files",
        ),
        (
            push(json!([{ "path": "a", "size": u64::MAX, "blocks": file.blocks }])),
            "files",
        ),
        (with("instances", json!(1001)), "instances"),
        (with("routes", json!(["http://shop.test"])), "routes.0"),
        (with("routes", json!(["shop.test", "a b"])), "routes.1"),
        (with("routes", json!(["shop.test/../x"])), "routes.0"),
        (settings("env", json!({ "A=B": "x" })), "env.A=B"),
        (settings("limits", json!({ "memory": 0 })), "limits.memory"),
        (settings("limits", json!({ "time": "2h" })), "limits.time"),
        (settings("limits", json!({ "cpu": 0 })), "limits.cpu"),
        (
            settings("limits", json!({ "concurrency": 0 })),
            "limits.concurrency",
        ),
        (
            settings("limits", json!({ "request_headers": "1MiB" })),
            "limits.request_headers",
        ),
        (
            settings("limits", json!({ "response_headers": 1 })),
            "limits.response_headers",
        ),
        (
            settings("health", json!({ "path": "healthz" })),
            "health.path",
        ),
        (
            settings("health", json!({ "path": "/", "interval": 1 })),
            "health.interval",
        ),
        (
            settings("health", json!({ "path": "/", "timeout": 0 })),
            "health.timeout",
        ),
        (
            settings("health", json!({ "path": "/", "failures": 0 })),
            "health.failures",
        ),
        (
            settings("allow_outbound", json!(["http://api.test"])),
            "allow_outbound",
        ),
        (
            settings("allow_private", json!(["everything"])),
            "allow_private",
        ),
    ] {
        cases.push(Case::field(Method::POST, path, body, field));
    }
    for body in [
        json!("app.wasm"),
        push(json!("app.wasm")),
        push(json!([{ "path": "a" }])),
        push(json!([{ "path": "a", "size": -1, "blocks": [] }])),
        push(json!([{ "path": "a", "size": 1, "blocks": ["ABC"] }])),
        push(json!([{ "path": "a", "size": 1, "blocks": ["A".repeat(64)] }])),
        push(json!([{ "path": "a", "size": 0, "blocks": [], "mode": 493 }])),
        with("instances", json!(-1)),
        with("no_start", json!("yes")),
        with("route", json!("shop.test")),
        with("routes", json!("shop.test")),
        settings("limit", json!({})),
        settings("limits", json!({ "memory": "64 megabytes" })),
        settings("limits", json!({ "mem": 1 })),
        settings("health", json!({})),
        settings("env", json!({ "A": true })),
    ] {
        cases.push(Case::new(Method::POST, path, body, 422, "invalid-request"));
    }
    refuse_all(&client, cases).await;

    let body = json!({
        "files": [entry("app.wasm")],
        "settings": { "limits": { "memory": 0, "cpu": 0 }, "health": { "path": "x" }, "allow_private": ["x"] },
    });
    let request = client.request(Method::POST, path).json(&body);
    let problem = refuse(request, 422, "invalid-request").await;
    let fields: Vec<_> = problem
        .fields
        .iter()
        .map(|field| field.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "limits.memory",
            "limits.cpu",
            "health.path",
            "allow_private"
        ]
    );

    let absent = "0".repeat(64);
    let body = push(json!([entry("app.wasm"), { "path": "b", "size": 3, "blocks": [absent] }]));
    let request = client.request(Method::POST, path).json(&body);
    let problem = refuse(request, 409, "blocks-missing").await;
    assert_eq!(problem.fields.len(), 1, "{problem:?}");
    assert!(problem.fields[0].message.contains(&absent), "{problem:?}");

    let huge = format!("{{\"routes\":[\"{}\"]}}", "x".repeat((32 << 20) - 14));
    assert_eq!(huge.len(), (32 << 20) + 1);
    let request = client
        .request(Method::POST, path)
        .header("content-type", "application/json");
    refuse(request.body(huge), 413, "invalid-request").await;

    let page: Page<App> = client.get("/apps").await;
    assert!(page.items.is_empty(), "{page:?}");
    let page: Page<Job> = client.get("/jobs").await;
    assert!(page.items.is_empty(), "{page:?}");
}

/// Why the job of a push with these settings and routes failed.
async fn failure(
    client: &Client,
    file: &FileEntry,
    settings: SettingsChange,
    routes: &[&str],
) -> Problem {
    let push = Push {
        settings,
        routes: routes.iter().map(|route| (*route).to_owned()).collect(),
        ..push_of(vec![file.clone()])
    };
    let job = client.push("shop", &push).await;
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    job.problem.expect("a failed job has a problem")
}

#[tokio::test]
async fn what_only_staging_finds_out_fails_the_job_and_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("app.wasm", &guest("hello")).await;
    let redirect = json!({ "route": "old.test", "redirect": "/new" });
    let _: Route = client.send(Method::POST, "/routes", &redirect).await;
    client.push("shop", &push_of(vec![file.clone()])).await;
    let before = everything(&client).await;

    let gone = SettingsChange {
        component: Some("gone.wasm".to_owned()),
        ..SettingsChange::default()
    };
    let problem = failure(&client, &file, gone, &[]).await;
    assert_eq!(problem.code, "no-such-file");
    // The first route is as good as the second is taken: none is added.
    let problem = failure(
        &client,
        &file,
        SettingsChange::default(),
        &["new.test", "old.test"],
    )
    .await;
    assert!(
        problem.detail.contains("old.test/ redirects already"),
        "{problem:?}"
    );
    let unhealthy = SettingsChange {
        health: Some(
            serde_json::from_value(json!({ "path": "/", "timeout": 1000, "failures": 1 })).unwrap(),
        ),
        env: [("GREETING".to_owned(), "x".to_owned())].into(),
        limits: serde_json::from_value(json!({ "memory": "64KiB" })).unwrap(),
        ..SettingsChange::default()
    };
    let problem = failure(&client, &file, unhealthy, &[]).await;
    assert_eq!(problem.code, "rollout-failed");
    assert!(
        problem.detail.contains("health check failed"),
        "{problem:?}"
    );

    let after = everything(&client).await;
    assert_eq!(after["routes"], before["routes"]);
    assert_eq!(after["app shop"]["env"], before["app shop"]["env"]);
    assert_eq!(
        after["app shop"]["placements"],
        before["app shop"]["placements"]
    );
    let app = show(&client, "shop").await.app;
    assert_eq!((app.release, app.next_release), (Some(1), None));
    assert_eq!(app.settings.limits, Limits::default());
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_app_whose_first_roll_out_fails_rests_again() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("app.wasm", &guest("hostile")).await;
    let unhealthy = SettingsChange {
        health: Some(serde_json::from_value(json!({ "path": "/trap", "failures": 1 })).unwrap()),
        ..SettingsChange::default()
    };
    let problem = failure(&client, &file, unhealthy, &[]).await;
    assert_eq!(problem.code, "rollout-failed");
    assert!(
        problem.detail.contains("/trap") || problem.detail.contains("trapped"),
        "{problem:?}"
    );
    let app = show(&client, "shop").await.app;
    assert_eq!((app.state, app.running), (DesiredState::Stopped, 0));
    assert_eq!((app.release, app.next_release), (None, None));
    assert!(app.last_failure.is_some(), "{app:?}");
    // A host is not to blame for an app that never served.
    let status: Value = client.get("/status").await;
    assert_eq!(
        (&status["ready"], &status["attention"]),
        (&json!(true), &json!([]))
    );
}
