//! `/apps`: pushing them, and every verb that they have.

use muster_api::{
    apps::{App, AppDetail, DeletionPlan, DesiredState, Env, InstanceState},
    blocks::FileEntry,
    jobs::{Job, JobState},
    page::Page,
    problem::Problem,
    pushes::{Push, SettingsChange},
    routes::Route,
    settings::Limits,
    units::ByteSize,
};
use muster_e2e::{Case, Client, Host, eventually, everything, guest, push_of, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn show(client: &Client, app: &str) -> AppDetail {
    client.get(&format!("/apps/{app}")).await
}

/// Sends a change and waits until it has come to a good end.
async fn done(client: &Client, method: Method, path: &str, body: Value) -> Job {
    let job: Job = client.send(method, path, &body).await;
    let job = client.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{path} {body}: {job:?}");
    job
}

async fn act(client: &Client, app: &str, verb: &str) -> Job {
    let path = format!("/apps/{app}/actions/{verb}");
    done(client, Method::POST, &path, Value::Null).await
}

/// Waits until the app answers so.
async fn until_answers(client: &Client, host: &str, status: StatusCode, body: &str) {
    eventually(&format!("{host} answers {status} {body}"), async || {
        let (found, text) = client.ask(host, "/").await;
        (found == status && text.starts_with(body)).then_some(())
    })
    .await;
}

/// Makes an app that has never had a droplet, by a push that is rejected.
async fn without_droplet(client: &Client, app: &str) {
    let file = client.upload("note.txt", b"just words").await;
    let job = client.push(app, &push_of(vec![file])).await;
    assert_eq!(job.state, JobState::Failed, "{job:?}");
}

#[tokio::test]
async fn an_app_lives_through_its_verbs() {
    let host = Host::start().await;
    let client = host.client().await;
    let port = host.apps().port();
    let wasm = client.upload("app.wasm", &guest("hello")).await;
    let push = Push {
        files: vec![wasm],
        settings: SettingsChange {
            env: [("GREETING", "one"), ("SECRET", "hush")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..SettingsChange::default()
        },
        routes: vec!["shop.test".to_owned(), "all.test/shop/".to_owned()],
        instances: Some(2),
        no_start: false,
    };
    let job = client.push("shop", &push).await;
    assert_eq!(
        (job.state, job.kind.as_str(), job.subject.as_str()),
        (JobState::Succeeded, "push", "shop"),
        "{job:?}"
    );
    assert_eq!(job.log.last().map(String::as_str), Some("release 1 serves"));

    let AppDetail { app, placements } = show(&client, "shop").await;
    assert_eq!(app.state, DesiredState::Started);
    assert_eq!((app.instances, app.running), (2, 2));
    assert_eq!((app.release, app.next_release), (Some(1), None));
    assert!(
        app.droplet.is_some() && app.last_failure.is_none(),
        "{app:?}"
    );
    assert_eq!(app.settings.limits, Limits::default());
    assert_eq!(
        app.urls,
        [
            format!("http://all.test:{port}/shop"),
            format!("http://shop.test:{port}/")
        ]
    );
    let placed: Vec<_> = placements
        .iter()
        .map(|one| (one.index, one.release, one.state))
        .collect();
    let running = InstanceState::Running;
    assert_eq!(placed, [(0, 1, running), (1, 1, running)]);
    let page: Page<App> = client.get("/apps").await;
    assert_eq!((page.items, page.next), (vec![app], None));
    assert_eq!(
        client.ask("shop.test", "/").await,
        (StatusCode::OK, "one\n".to_owned())
    );

    // Values of variables are shown to those who ask for them.
    let raw: Value = client.get("/apps/shop").await;
    assert!(!raw.to_string().contains("hush"), "{raw}");
    let env: Env = client.get("/apps/shop/env").await;
    assert_eq!(env.env["SECRET"], "hush");
    let change = json!({ "set": { "GREETING": "two" }, "unset": ["SECRET"] });
    done(&client, Method::PATCH, "/apps/shop/env", change).await;
    let env: Env = client.get("/apps/shop/env").await;
    assert_eq!(env.env, [("GREETING".to_owned(), "two".to_owned())].into());
    until_answers(&client, "shop.test", StatusCode::OK, "two\n").await;
    assert_eq!(show(&client, "shop").await.app.release, Some(2));

    // The number of instances alone makes no release; memory does.
    done(
        &client,
        Method::PATCH,
        "/apps/shop",
        json!({ "instances": 3 }),
    )
    .await;
    let scaled = show(&client, "shop").await;
    assert_eq!((scaled.app.running, scaled.app.release), (3, Some(2)));
    let change = json!({ "instances": 1, "memory": "32MiB" });
    done(&client, Method::PATCH, "/apps/shop", change).await;
    let scaled = show(&client, "shop").await.app;
    assert_eq!((scaled.instances, scaled.release), (1, Some(3)));
    assert_eq!(scaled.settings.limits.memory, ByteSize(32 << 20));
    assert_eq!(scaled.settings.limits.time, Limits::default().time);

    act(&client, "shop", "stop").await;
    let stopped = show(&client, "shop").await;
    assert_eq!(stopped.app.state, DesiredState::Stopped);
    assert_eq!((stopped.app.running, stopped.placements), (0, vec![]));
    let (status, _) = client.ask("shop.test", "/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    act(&client, "shop", "stop").await;
    for _ in 0..2 {
        act(&client, "shop", "start").await;
        assert_eq!(client.ask("shop.test", "/").await.1, "two\n");
    }
    let before = show(&client, "shop").await;
    act(&client, "shop", "restart").await;
    let old = before.placements[0].id;
    eventually("the old instance goes", async || {
        let placed = show(&client, "shop").await.placements;
        (placed.len() == 1 && placed[0].id != old).then_some(())
    })
    .await;
    let after = show(&client, "shop").await.app;
    assert_eq!(
        (after.droplet, after.release),
        (before.app.droplet, Some(4))
    );
    act(&client, "shop", "stop").await;
    act(&client, "shop", "restart").await;
    assert_eq!(client.ask("shop.test", "/").await.0, StatusCode::OK);
}

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
async fn a_deletion_is_shown_first_and_takes_all_along() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("other", &guest("hello")).await;
    for app in ["shop", "other"] {
        let new = json!({ "route": "shared.test", "app": app });
        let _: Route = client.send(Method::POST, "/routes", &new).await;
    }
    let before = everything(&client).await;
    let path = "/apps/shop?dry_run=true";
    let plan: DeletionPlan = client.send(Method::DELETE, path, &Value::Null).await;
    let told = [
        "the app shop",
        "1 instance and 1 droplet",
        "its share of the route shared.test/",
        "the route shop.localhost/",
    ];
    let mut removes = plan.removes.clone();
    removes[2..].sort();
    assert_eq!(
        (removes, plan.done),
        (told.map(str::to_owned).to_vec(), false)
    );
    assert_eq!(everything(&client).await, before);

    let gone: DeletionPlan = client
        .send(Method::DELETE, "/apps/shop", &Value::Null)
        .await;
    assert_eq!((gone.removes, gone.done), (plan.removes, true));
    refuse(
        client.request(Method::GET, "/apps/shop"),
        404,
        "app-not-found",
    )
    .await;
    refuse(
        client.request(Method::DELETE, "/apps/shop"),
        404,
        "app-not-found",
    )
    .await;
    let routes: Page<Route> = client.get("/routes").await;
    let left: Vec<_> = routes
        .items
        .iter()
        .map(|route| route.host.as_str())
        .collect();
    assert_eq!(left, ["other.localhost", "shared.test"]);

    // The data path follows: what was shared is the other's alone.
    until_answers(&client, "shop.localhost", StatusCode::NOT_FOUND, "").await;
    for _ in 0..10 {
        assert_eq!(client.ask("shared.test", "/").await.0, StatusCode::OK);
    }

    // A new app of that name has nothing of the old one.
    client.push_component("shop", &guest("hello")).await;
    let app = show(&client, "shop").await.app;
    assert_eq!(app.release, Some(1));
    let droplets: Value = client.get("/apps/shop/droplets").await;
    assert_eq!(droplets["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("note.txt", b"just words").await;
    let names = ["ant", "bee", "cat", "dog", "eel"];
    for name in names {
        client.push(name, &push_of(vec![file.clone()])).await;
    }
    for (limit, pages) in [(1, 5), (2, 3), (4, 2), (5, 1), (500, 1)] {
        let mut found = Vec::new();
        let mut path = format!("/apps?limit={limit}");
        for number in 1.. {
            let page: Page<App> = client.get(&path).await;
            assert!(page.items.len() <= limit, "{path}");
            found.extend(page.items.into_iter().map(|app| app.name));
            match page.next {
                Some(next) => path = format!("/apps?limit={limit}&cursor={next}"),
                None => {
                    assert_eq!(number, pages, "limit {limit}");
                    break;
                }
            }
        }
        assert_eq!(found, names, "limit {limit}");
    }
    // A cursor is a place, so that what goes meanwhile does no harm.
    let page: Page<App> = client.get("/apps?limit=2").await;
    let _: Value = client.send(Method::DELETE, "/apps/bee", &Value::Null).await;
    let path = format!("/apps?limit=2&cursor={}", page.next.unwrap());
    let page: Page<App> = client.get(&path).await;
    let found: Vec<_> = page.items.into_iter().map(|app| app.name).collect();
    assert_eq!(found, ["cat", "dog"]);
    let page: Page<App> = client.get("/apps?cursor=zzz").await;
    assert_eq!((page.items, page.next), (vec![], None));

    let list = |query: &str| client.request(Method::GET, &format!("/apps?{query}"));
    for query in ["limit=0", "limit=501", "limit=4294967295"] {
        let problem = refuse(list(query), 422, "invalid-request").await;
        assert_eq!(muster_e2e::only_field(&problem), "limit", "{query}");
    }
    for query in [
        "limit=many",
        "limit=-1",
        "limit=1.5",
        "limit=",
        "limit=4294967296",
    ] {
        refuse(list(query), 400, "invalid-query").await;
    }
}

#[tokio::test]
async fn what_cannot_be_asked_of_an_app_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("other", &guest("hello")).await;
    without_droplet(&client, "bare").await;
    let other = show(&client, "other").await.app.droplet;

    let nothing = Value::Null;
    let mut cases = Vec::new();
    for app in ["nobody", "Shop", "shop%2Fx", "%00", "%C3%A4"] {
        for (method, path, body) in [
            (Method::GET, "", &nothing),
            (Method::PATCH, "", &json!({ "instances": 2 })),
            (Method::DELETE, "", &nothing),
            (Method::DELETE, "?dry_run=true", &nothing),
            (Method::GET, "/env", &nothing),
            (Method::PATCH, "/env", &json!({ "set": { "A": "b" } })),
            (Method::POST, "/actions/start", &nothing),
            (Method::POST, "/actions/stop", &nothing),
            (Method::POST, "/actions/restart", &nothing),
            (Method::POST, "/rollback", &json!({})),
            (Method::GET, "/droplets", &nothing),
            (Method::GET, "/logs", &nothing),
        ] {
            let path = format!("/apps/{app}{path}");
            cases.push(Case::new(method, path, body.clone(), 404, "app-not-found"));
            if app != "nobody" {
                break;
            }
        }
    }
    for (method, path, body) in [
        (Method::POST, "/actions/start", &nothing),
        (Method::POST, "/actions/restart", &nothing),
        (Method::PATCH, "", &json!({ "memory": "32MiB" })),
        (
            Method::PATCH,
            "",
            &json!({ "instances": 7, "memory": "32MiB" }),
        ),
        (Method::PATCH, "/env", &json!({ "set": { "A": "b" } })),
        (Method::POST, "/rollback", &json!({})),
    ] {
        let path = format!("/apps/bare{path}");
        cases.push(Case::new(
            method,
            path,
            body.clone(),
            409,
            "app-has-no-droplet",
        ));
    }
    for (body, field) in [
        (json!({}), "instances"),
        (json!({ "instances": 1001 }), "instances"),
        (json!({ "instances": 2, "memory": 1 }), "limits.memory"),
        (json!({ "memory": "5GiB" }), "limits.memory"),
    ] {
        cases.push(Case::field(Method::PATCH, "/apps/shop", body, field));
    }
    for (set, field) in [
        (json!({ "": "x" }), "env."),
        (json!({ "A=B": "x" }), "env.A=B"),
        (json!({ "A": "x\u{0}" }), "env.A"),
        (json!({ "BIG": "x".repeat(256 << 10) }), "env"),
    ] {
        let body = json!({ "set": set });
        cases.push(Case::field(Method::PATCH, "/apps/shop/env", body, field));
    }
    let body = json!({ "set": { "A": "b" }, "unset": ["GONE"] });
    cases.push(Case::field(Method::PATCH, "/apps/shop/env", body, "unset"));
    for (path, body) in [
        ("/apps/shop", json!({ "instances": -1 })),
        ("/apps/shop", json!({ "instances": "two" })),
        ("/apps/shop", json!({ "instances": 4_294_967_296_u64 })),
        ("/apps/shop", json!({ "memory": "lots" })),
        ("/apps/shop", json!({ "replicas": 2 })),
        ("/apps/shop", json!({ "instances": 2, "replicas": 2 })),
        ("/apps/shop/env", json!({ "set": { "A": 1 } })),
        ("/apps/shop/env", json!({ "set": ["A=b"] })),
        ("/apps/shop/env", json!({ "unset": "A" })),
        ("/apps/shop/env", json!({ "A": "b" })),
    ] {
        cases.push(Case::new(Method::PATCH, path, body, 422, "invalid-request"));
    }
    let rollback =
        |body, status, code| Case::new(Method::POST, "/apps/shop/rollback", body, status, code);
    cases.push(rollback(json!({}), 409, "no-earlier-droplet"));
    cases.push(rollback(
        json!({ "droplet": other }),
        404,
        "droplet-not-found",
    ));
    cases.push(rollback(
        json!({ "droplet": "first" }),
        422,
        "invalid-request",
    ));
    cases.push(rollback(json!({ "release": 1 }), 422, "invalid-request"));
    cases.push(Case::new(
        Method::DELETE,
        "/apps/shop?dry_run=maybe",
        Value::Null,
        400,
        "invalid-query",
    ));
    refuse_all(&client, cases).await;

    let before = everything(&client).await;
    let patch = || client.request(Method::PATCH, "/apps/shop");
    let typed = patch().header("content-type", "application/json");
    refuse(typed.body(r#"{"instances":2"#), 400, "invalid-request").await;
    let typed = patch().header("content-type", "application/toml");
    refuse(typed.body("instances = 2"), 415, "not-json").await;
    refuse(patch(), 415, "not-json").await;
    assert_eq!(everything(&client).await, before);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
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
async fn what_is_rolled_out_is_all_that_answers_once_its_job_has_ended() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    for number in 0..5 {
        let greeting = format!("hello {number}");
        let change = json!({ "set": { "GREETING": greeting } });
        done(&client, Method::PATCH, "/apps/shop/env", change).await;
        for _ in 0..10 {
            let answer = client.ask("shop.localhost", "/").await;
            assert_eq!(answer, (StatusCode::OK, format!("{greeting}\n")));
        }
    }
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let mut cases = Vec::new();
    for (method, path, body) in [
        (Method::PATCH, "/apps/shop", json!([2])),
        (Method::PATCH, "/apps/shop/env", json!([{ "A": "b" }])),
        (Method::POST, "/apps/shop/rollback", json!([])),
        (Method::POST, "/apps/shop/pushes", json!([[]])),
        (Method::POST, "/routes", json!(["new.test", "shop"])),
        (Method::POST, "/blocks/missing", json!([[]])),
    ] {
        cases.push(Case::new(method, path, body, 422, "invalid-request"));
    }
    refuse_all(&client, cases).await;
}
