//! An app under constant load is pushed, restarted, reconfigured and scaled: no
//! request fails, and what a change returned is what is served.

use std::collections::{BTreeMap, BTreeSet};

use muster_api::{
    apps::{AppChange, AppDetail, EnvChange, Rollback},
    jobs::{Job, JobState},
    pushes::{Push, SettingsChange},
    settings::HealthCheck,
    units::Millis,
};
use muster_e2e::{Client, Host, Load, greeting, hello_version, push_of};
use reqwest::{Method, StatusCode};
use serde::Serialize;

/// An app of two instances under load, and what it may answer.
struct Busy {
    client: Client,
    load: Load,
    known: BTreeSet<String>,
    host: Host,
}

impl Busy {
    async fn start() -> Self {
        let host = Host::start().await;
        let client = host.client().await;
        let push = Push {
            instances: Some(2),
            ..package(&client, 0).await
        };
        assert_succeeded(&client.push("busy", &push).await);
        let load = Load::start(host.apps(), "busy.localhost", "/", 4);
        load.more(50).await;
        Self {
            client,
            load,
            known: BTreeSet::from([greeting(0)]),
            host,
        }
    }

    /// Pushes a version and looks whether it is what is served then.
    async fn push(&mut self, version: u32) {
        self.known.insert(greeting(version));
        let push = package(&self.client, version).await;
        assert_succeeded(&self.client.push("busy", &push).await);
        self.serves(&greeting(version)).await;
    }

    /// Changes something and waits until it is done.
    async fn change(&self, method: Method, path: &str, body: &impl Serialize) {
        let path = format!("/apps/busy{path}");
        let job: Job = self.client.send(method, &path, body).await;
        assert_succeeded(&self.client.finished(&job).await);
    }

    /// All instances must answer that and nothing else.
    async fn serves(&self, body: &str) {
        for _ in 0..6 {
            let answer = self.client.ask("busy.localhost", "/").await;
            assert_eq!(answer, (StatusCode::OK, body.to_owned()));
        }
        self.load.more(50).await;
    }

    /// How many instances serve.
    async fn running(&self) -> u32 {
        let detail: AppDetail = self.client.get("/apps/busy").await;
        detail.app.running
    }

    /// Ends the load: no request may have failed, and nothing unknown may have
    /// been answered. Gives back how often each answer came.
    async fn end(self) -> BTreeMap<String, u64> {
        let answers = self.load.end().await;
        assert!(
            answers.failed.is_empty(),
            "{} of {} requests failed, such as: {:#?}\n{}",
            answers.failed.len(),
            answers.good.values().sum::<u64>(),
            &answers.failed[..answers.failed.len().min(5)],
            self.host.log()
        );
        for body in answers.good.keys() {
            assert!(self.known.contains(body), "nobody pushed {body:?}");
        }
        answers.good
    }
}

async fn package(client: &Client, version: u32) -> Push {
    push_of(vec![
        client.upload("app.wasm", &hello_version(version)).await,
    ])
}

fn assert_succeeded(job: &Job) {
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
}

#[tokio::test]
async fn pushes_and_changes_cost_no_request() {
    let mut busy = Busy::start().await;
    for version in [1, 2, 1, 3, 2, 4] {
        busy.push(version).await;
    }

    let nothing = serde_json::json!({});
    busy.change(Method::POST, "/actions/restart", &nothing)
        .await;
    busy.serves(&greeting(4)).await;

    let scale = |instances| AppChange {
        instances: Some(instances),
        ..AppChange::default()
    };
    for instances in [5, 1, 2] {
        busy.change(Method::PATCH, "", &scale(instances)).await;
        assert_eq!(busy.running().await, instances);
        busy.serves(&greeting(4)).await;
    }

    busy.known.insert("Good morning\n".to_owned());
    let set = EnvChange {
        set: BTreeMap::from([("GREETING".to_owned(), "Good morning".to_owned())]),
        ..EnvChange::default()
    };
    busy.change(Method::PATCH, "/env", &set).await;
    busy.serves("Good morning\n").await;

    // Version 2 was pushed before 4, and without that greeting.
    busy.change(Method::POST, "/rollback", &Rollback::default())
        .await;
    busy.serves(&greeting(2)).await;
    assert_eq!(busy.running().await, 2);

    let answers = busy.end().await;
    for body in [0, 1, 2, 3, 4].map(greeting) {
        assert!(answers.contains_key(&body), "{body} was never seen");
    }
}

#[tokio::test]
async fn pushes_that_overlap_cost_no_request() {
    let mut busy = Busy::start().await;
    let mut jobs = Vec::new();
    for version in 1..=5 {
        busy.known.insert(greeting(version));
        let push = package(&busy.client, version).await;
        let job: Job = busy
            .client
            .send(Method::POST, "/apps/busy/pushes", &push)
            .await;
        jobs.push(job);
    }
    let mut ended = Vec::new();
    for job in &jobs {
        ended.push(busy.client.finished(job).await);
    }
    // One may take another's place before that serves; the last one wins.
    for job in &ended[..4] {
        let superseded = job
            .problem
            .as_ref()
            .is_some_and(|problem| problem.detail.contains("superseded"));
        assert!(job.state == JobState::Succeeded || superseded, "{job:#?}");
    }
    assert_succeeded(&ended[4]);
    busy.serves(&greeting(5)).await;
    busy.end().await;
}

#[tokio::test]
async fn a_push_that_fails_leaves_alone_what_runs() {
    let busy = Busy::start().await;
    let before: AppDetail = busy.client.get("/apps/busy").await;

    // It is no component.
    let push = push_of(vec![
        busy.client.upload("app.wasm", b"\0asm\x0d\0\x01\0no").await,
    ]);
    let job = busy.client.push("busy", &push).await;
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    busy.serves(&greeting(0)).await;

    // It is one, but never answers its health check.
    let push = Push {
        settings: SettingsChange {
            health: Some(HealthCheck {
                path: "/".to_owned(),
                interval: Millis(1_000),
                timeout: Millis(1_000),
                failures: 2,
            }),
            ..SettingsChange::default()
        },
        ..push_of(vec![busy.client.upload("app.wasm", &mute()).await])
    };
    let job = busy.client.push("busy", &push).await;
    assert_eq!(job.state, JobState::Failed, "{job:#?}");
    let problem = job.problem.expect("it says why");
    assert_eq!(problem.code, "rollout-failed");
    assert!(problem.detail.contains("health check"), "{problem:?}");
    busy.serves(&greeting(0)).await;

    let after: AppDetail = busy.client.get("/apps/busy").await;
    assert_eq!(after.placements, before.placements);
    assert_eq!(after.app.droplet, before.app.droplet);
    assert_eq!(after.app.settings, before.app.settings);
    assert!(after.app.last_failure.is_some());
    let answers = busy.end().await;
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// A component that takes requests and never answers one.
fn mute() -> Vec<u8> {
    let text = r#"(component
        (import "wasi:http/types@0.2.0" (instance $types
            (export "incoming-request" (type (sub resource)))
            (export "response-outparam" (type (sub resource)))))
        (alias export $types "incoming-request" (type $request))
        (alias export $types "response-outparam" (type $out))
        (core module $module (func (export "handle") (param i32 i32)))
        (core instance $guest (instantiate $module))
        (func $handle (param "request" (own $request)) (param "response-out" (own $out))
            (canon lift (core func $guest "handle")))
        (instance $handler (export "handle" (func $handle)))
        (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;
    wat::parse_str(text).expect("this is a component")
}
