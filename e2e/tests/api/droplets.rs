//! `/apps/{app}/droplets`: what staging made, and the way back to it.

use muster_api::{
    apps::{App, AppDetail, DesiredState},
    droplets::Droplet,
    id::DropletId,
    jobs::{Job, JobState},
    page::Page,
    pushes::{Push, SettingsChange},
};
use muster_e2e::{Client, Host, eventually, guest, push_of, refuse};
use reqwest::Method;
use serde_json::{Value, json};

/// How many droplets of an app are kept.
const KEPT: usize = 10;

async fn droplets(client: &Client) -> Vec<Droplet> {
    let page: Page<Droplet> = client.get("/apps/shop/droplets").await;
    assert_eq!(page.next, None);
    page.items
}

async fn app(client: &Client) -> App {
    let detail: AppDetail = client.get("/apps/shop").await;
    detail.app
}

/// Pushes hello with this greeting, and gives the droplet that it became.
async fn pushed(client: &Client, greeting: &str, no_start: bool) -> DropletId {
    let push = Push {
        settings: SettingsChange {
            env: [("GREETING".to_owned(), greeting.to_owned())].into(),
            ..SettingsChange::default()
        },
        no_start,
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    };
    let job = client.push("shop", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    droplets(client).await[0].id
}

/// Waits until this is what the app answers.
async fn until_greeted(client: &Client, greeting: &str) {
    eventually(&format!("the app answers {greeting}"), async || {
        (client.ask("shop.localhost", "/").await.1 == greeting).then_some(())
    })
    .await;
}

async fn roll_back(client: &Client, to: Value) {
    let job: Job = client.send(Method::POST, "/apps/shop/rollback", &to).await;
    let job = client.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
}

#[tokio::test]
async fn droplets_are_kept_and_one_can_go_back_to_them() {
    let host = Host::start().await;
    let client = host.client().await;
    let wasm = guest("hello");
    let first = pushed(&client, "one", false).await;
    let [only] = &droplets(&client).await[..] else {
        panic!("one push, one droplet");
    };
    assert_eq!((only.id, only.current), (first, true));
    assert_eq!(
        (only.detected.as_str(), only.entry.as_str()),
        ("component", "wasi:http/incoming-handler@0.2")
    );
    assert_eq!(only.size, wasm.len() as u64);
    assert!(!only.component.is_empty());

    let second = pushed(&client, "two", false).await;
    let listed: Vec<_> = droplets(&client)
        .await
        .iter()
        .map(|one| (one.id, one.current))
        .collect();
    assert_eq!(listed, [(second, true), (first, false)]);
    until_greeted(&client, "two\n").await;

    // A droplet comes back with the settings that it ran with.
    roll_back(&client, json!({})).await;
    until_greeted(&client, "one\n").await;
    let shown = app(&client).await;
    assert_eq!((shown.release, shown.droplet), (Some(3), Some(first)));
    let listed: Vec<_> = droplets(&client)
        .await
        .iter()
        .map(|one| (one.id, one.current))
        .collect();
    assert_eq!(listed, [(second, false), (first, true)]);
    roll_back(&client, json!({ "droplet": second })).await;
    until_greeted(&client, "two\n").await;

    // An app that rests takes it, and goes on resting.
    let stop: Job = client
        .send(Method::POST, "/apps/shop/actions/stop", &Value::Null)
        .await;
    client.finished(&stop).await;
    roll_back(&client, json!({ "droplet": first })).await;
    let shown = app(&client).await;
    assert_eq!(
        (shown.state, shown.droplet),
        (DesiredState::Stopped, Some(first))
    );
}

#[tokio::test]
async fn a_droplet_that_was_only_staged_can_be_run() {
    let host = Host::start().await;
    let client = host.client().await;
    let first = pushed(&client, "one", false).await;
    let staged = pushed(&client, "two", true).await;
    assert_eq!(app(&client).await.droplet, Some(first));
    until_greeted(&client, "one\n").await;
    roll_back(&client, json!({ "droplet": staged })).await;
    assert_eq!(app(&client).await.droplet, Some(staged));
    until_greeted(&client, "two\n").await;
}

#[tokio::test]
async fn only_the_newest_droplets_and_the_current_one_are_kept() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut all = Vec::new();
    for number in 0..KEPT {
        all.push(pushed(&client, &number.to_string(), false).await);
    }
    assert_eq!(droplets(&client).await.len(), KEPT);
    let oldest = all[0];
    roll_back(&client, json!({ "droplet": oldest })).await;
    until_greeted(&client, "0\n").await;
    assert_eq!(droplets(&client).await.len(), KEPT);

    pushed(&client, "next", false).await;
    let kept: Vec<_> = droplets(&client).await.iter().map(|one| one.id).collect();
    assert_eq!(kept.len(), KEPT);
    assert!(
        !kept.contains(&oldest),
        "the oldest goes once it does not serve"
    );
    let to = client
        .request(Method::POST, "/apps/shop/rollback")
        .json(&json!({ "droplet": oldest }));
    refuse(to, 404, "droplet-not-found").await;
    until_greeted(&client, "next\n").await;
}

#[tokio::test]
async fn an_app_that_rests_does_not_hoard_droplets() {
    let host = Host::start().await;
    let client = host.client().await;
    for number in 0..KEPT + 2 {
        pushed(&client, &number.to_string(), true).await;
    }
    assert_eq!(droplets(&client).await.len(), KEPT);
}
