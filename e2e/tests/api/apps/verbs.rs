//! What an app goes through, and what its answers show of it.

use muster_api::{
    apps::{App, AppDetail, DesiredState, Env, InstanceState},
    jobs::JobState,
    page::Page,
    pushes::{Push, SettingsChange},
    settings::Limits,
    units::ByteSize,
};
use muster_e2e::{Host, eventually, guest};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{act, done, show, until_answers};

#[tokio::test]
async fn an_app_lives_through_its_verbs() {
    let host = Host::start().await;
    let client = host.client().await;
    let port = host.apps().port();
    let wasm = client.upload("app.wasm", &guest("hello")).await;
    let push = Push {
        project: None,
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
