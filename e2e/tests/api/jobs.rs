//! `/jobs`: what takes longer than a moment.

use muster_api::{
    apps::{App, AppDetail, DesiredState},
    jobs::{Job, JobState, Progress},
    page::Page,
    pushes::{Push, SettingsChange},
};
use muster_e2e::{Case, Client, Host, eventually, guest, push_of, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn app(client: &Client, name: &str) -> App {
    let detail: AppDetail = client.get(&format!("/apps/{name}")).await;
    detail.app
}

async fn job(client: &Client, job: &Job) -> Job {
    client.get(&format!("/jobs/{}", job.id)).await
}

/// Waits until a job does that.
async fn at_step(client: &Client, begun: &Job, step: &str) -> Job {
    eventually(&format!("the job gets to {step}"), async || {
        let now = job(client, begun).await;
        assert!(!now.state.is_final(), "{now:?}");
        (now.step == step).then_some(now)
    })
    .await
}

/// Begins a push whose first health check takes as long as a request may.
async fn push_that_takes_long(client: &Client, app: &str) -> Job {
    let health = json!({ "path": "/sleep?ms=600000", "timeout": "10m", "failures": 1 });
    let push = Push {
        settings: SettingsChange {
            health: Some(serde_json::from_value(health).expect("settings")),
            limits: serde_json::from_value(json!({ "time": "10m" })).expect("settings"),
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("app.wasm", &guest("hostile")).await])
    };
    let begun = client
        .send(Method::POST, &format!("/apps/{app}/pushes"), &push)
        .await;
    at_step(client, &begun, "starting").await
}

async fn cancel(client: &Client, begun: &Job) -> Job {
    let path = format!("/jobs/{}/actions/cancel", begun.id);
    client.send(Method::POST, &path, &Value::Null).await
}

#[tokio::test]
async fn a_job_tells_what_it_did() {
    let host = Host::start().await;
    let client = host.client().await;
    let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    let reply = client
        .request(Method::POST, "/apps/shop/pushes")
        .json(&push)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::ACCEPTED);
    let begun: Job = reply.json().await.unwrap();
    assert_eq!(
        (begun.kind.as_str(), begun.subject.as_str()),
        ("push", "shop")
    );
    assert!(
        !begun.state.is_final() && begun.ended_at.is_none(),
        "{begun:?}"
    );

    // Asked for news again and again, a job is seen to grow line by line.
    let mut seen = begun.clone();
    while !seen.state.is_final() {
        let path = format!("/jobs/{}?after_lines={}", begun.id, seen.log.len());
        let next: Job = client.get(&path).await;
        assert!(next.log.starts_with(&seen.log), "{seen:?} became {next:?}");
        seen = next;
    }
    assert_eq!(seen.state, JobState::Succeeded, "{seen:?}");
    assert_eq!(seen.problem, None);
    // Staged, compiled, released, and one instance serves.
    assert_eq!(seen.progress, Some(Progress { done: 4, total: 4 }));
    assert!(seen.ended_at.unwrap() >= seen.created_at);
    assert_eq!(seen.log.first().map(String::as_str), Some("staging shop"));
    assert_eq!(
        seen.log.last().map(String::as_str),
        Some("release 1 serves")
    );
    assert_eq!(job(&client, &begun).await, seen);
    // There is no more news, and nobody waits for it.
    let path = format!("/jobs/{}?after_lines=10000", begun.id);
    let again: Job = client.get(&path).await;
    assert_eq!(again, seen);
}

#[tokio::test]
async fn a_cancelled_roll_out_is_taken_back_and_those_who_wait_hear_of_it() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let before = app(&client, "shop").await;

    let begun = push_that_takes_long(&client, "shop").await;
    assert_eq!(begun.state, JobState::Running);
    assert_eq!(begun.progress, Some(Progress { done: 3, total: 4 }));
    let shown = app(&client, "shop").await;
    assert_eq!((shown.release, shown.next_release), (Some(1), Some(2)));
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);

    let path = format!("/jobs/{}?after_lines={}", begun.id, begun.log.len());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.get::<Job>(&path).await }
    });
    let cancelled = cancel(&client, &begun).await;
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert!(cancelled.ended_at.is_some(), "{cancelled:?}");
    assert_eq!(waiting.await.unwrap().state, JobState::Cancelled);

    let after = app(&client, "shop").await;
    assert_eq!((after.release, after.next_release), (Some(1), None));
    assert_eq!(
        (after.droplet, after.settings),
        (before.droplet, before.settings)
    );
    assert!(after.last_failure.unwrap().contains("cancelled"));
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    let again = format!("/jobs/{}/actions/cancel", begun.id);
    refuse(client.request(Method::POST, &again), 409, "job-ended").await;
    let ended = job(&client, &begun).await;
    assert_eq!((ended.state, ended.problem), (JobState::Cancelled, None));
    assert_eq!(ended.progress, Some(Progress { done: 3, total: 4 }));
    // And the app is not stuck.
    client.push_component("shop", &guest("hello")).await;
}

#[tokio::test]
async fn what_overtakes_a_roll_out_ends_its_job() {
    let host = Host::start().await;
    let client = host.client().await;

    // A stop gives the roll-out up.
    let begun = push_that_takes_long(&client, "stopped").await;
    let stop: Job = client
        .send(Method::POST, "/apps/stopped/actions/stop", &Value::Null)
        .await;
    assert_eq!(client.finished(&stop).await.state, JobState::Succeeded);
    let ended = job(&client, &begun).await;
    assert_eq!(ended.state, JobState::Failed, "{ended:?}");
    assert_eq!(ended.problem.unwrap().code, "rollout-failed");
    assert_eq!(app(&client, "stopped").await.state, DesiredState::Stopped);

    // A newer push takes its place.
    let begun = push_that_takes_long(&client, "pushed").await;
    let health = json!({ "path": "/count" });
    let push = Push {
        settings: SettingsChange {
            health: Some(serde_json::from_value(health).unwrap()),
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("app.wasm", &guest("hostile")).await])
    };
    let newer = client.push("pushed", &push).await;
    assert_eq!(newer.state, JobState::Succeeded, "{newer:?}");
    let ended = job(&client, &begun).await;
    assert_eq!(ended.state, JobState::Failed, "{ended:?}");
    assert!(
        ended
            .problem
            .unwrap()
            .detail
            .contains("superseded by release 2")
    );
    assert_eq!(app(&client, "pushed").await.release, Some(2));

    // With the app, its jobs end.
    let begun = push_that_takes_long(&client, "deleted").await;
    let _: Value = client
        .send(Method::DELETE, "/apps/deleted", &Value::Null)
        .await;
    let ended = job(&client, &begun).await;
    assert_eq!(ended.state, JobState::Failed, "{ended:?}");
    assert_eq!(ended.problem.unwrap().code, "app-deleted");
}

#[tokio::test]
async fn a_push_that_waits_its_turn_can_be_cancelled() {
    let host = Host::start().await;
    let client = host.client().await;
    let push = Push {
        no_start: true,
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    };
    // The stager takes one after the other, so that the last has others before it.
    let mut begun = Vec::new();
    for _ in 0..6 {
        let job: Job = client.send(Method::POST, "/apps/shop/pushes", &push).await;
        begun.push(job);
    }
    let last = begun.pop().unwrap();
    assert_eq!(cancel(&client, &last).await.state, JobState::Cancelled);
    for job in &begun {
        assert_eq!(client.finished(job).await.state, JobState::Succeeded);
    }
    // Had it been staged after all, it would have been by the time of one more.
    client.push("shop", &push).await;
    let droplets: Value = client.get("/apps/shop/droplets").await;
    assert_eq!(droplets["items"].as_array().map(Vec::len), Some(6));
    assert_eq!(job(&client, &last).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn a_scaled_app_counts_its_instances() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let scale: Job = client
        .send(Method::PATCH, "/apps/shop", &json!({ "instances": 3 }))
        .await;
    let ended = client.finished(&scale).await;
    assert_eq!(ended.progress, Some(Progress { done: 3, total: 3 }));
    let stop: Job = client
        .send(Method::POST, "/apps/shop/actions/stop", &Value::Null)
        .await;
    let Progress { done, total } = client.finished(&stop).await.progress.unwrap();
    assert_eq!(done, total, "as many are gone as there were");
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_app() {
    let host = Host::start().await;
    let client = host.client().await;
    let words = push_of(vec![client.upload("note.txt", b"just words").await]);
    let failed = client.push("blog", &words).await.id;
    client.push_component("shop", &guest("hello")).await;
    let also = client.push("shop", &words).await.id;
    let ids = async |query: &str| {
        let page: Page<Job> = client.get(&format!("/jobs?{query}")).await;
        page.items.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("state=failed").await, [also, failed]);
    assert_eq!(ids("app=blog").await, [failed]);
    assert_eq!(ids("app=shop").await.len(), 2);
    assert_eq!(ids("app=shop&state=failed").await, [also]);
    assert_eq!(ids("app=nobody").await, []);
    assert_eq!(ids("state=failed&limit=1").await, [also]);
    // Those of an app that is gone are found by its name.
    let _: Value = client
        .send(Method::DELETE, "/apps/blog", &Value::Null)
        .await;
    assert_eq!(ids("app=blog").await, [failed]);
}

#[tokio::test]
async fn how_long_jobs_are_remembered_is_settled_by_the_operator() {
    let host = Host::start().await;
    let client = host.client().await;
    let section: Value = client.get("/config/jobs").await;
    assert_eq!(section["values"], json!({ "keep_days": 30 }));
    let set: Value = client
        .send(Method::PUT, "/config/jobs", &json!({ "keep_days": 0 }))
        .await;
    assert_eq!(set["values"], json!({ "keep_days": 0 }));
    let long = client
        .request(Method::PUT, "/config/jobs")
        .json(&json!({ "keep_days": "long" }));
    refuse(long, 422, "invalid-request").await;
}

#[tokio::test]
async fn jobs_come_in_pages_newest_first() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("note.txt", b"just words").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(client.push("shop", &push_of(vec![file.clone()])).await.id);
    }
    ids.reverse();
    for limit in 1..=5 {
        let mut found = Vec::new();
        let mut path = format!("/jobs?limit={limit}");
        loop {
            let page: Page<Job> = client.get(&path).await;
            assert!(page.items.len() <= limit);
            found.extend(page.items.iter().map(|job| job.id));
            assert!(found.len() <= ids.len(), "{found:?}");
            let Some(next) = page.next else { break };
            path = format!("/jobs?limit={limit}&cursor={next}");
        }
        assert_eq!(found, ids, "limit {limit}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_of_jobs_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("note.txt", b"just words").await;
    let ended = client.push("shop", &push_of(vec![file])).await.id;
    let some = "0199d1a2-0000-7000-8000-000000000000";
    let wrong = |path: &str, field| Case {
        field: Some(field),
        ..Case::new(Method::GET, path, Value::Null, 422, "invalid-request")
    };
    let case =
        |method, path: String, status, code| Case::new(method, path, Value::Null, status, code);
    let cases = vec![
        case(Method::GET, format!("/jobs/{some}"), 404, "job-not-found"),
        case(
            Method::GET,
            format!("/jobs/{some}?after_lines=0"),
            404,
            "job-not-found",
        ),
        case(Method::GET, "/jobs/17".to_owned(), 404, "no-such-thing"),
        case(
            Method::GET,
            format!("/jobs/{ended}?after_lines=-1"),
            400,
            "invalid-query",
        ),
        case(
            Method::GET,
            format!("/jobs/{ended}?after_lines=x"),
            400,
            "invalid-query",
        ),
        case(
            Method::POST,
            format!("/jobs/{some}/actions/cancel"),
            404,
            "job-not-found",
        ),
        case(
            Method::POST,
            "/jobs/17/actions/cancel".to_owned(),
            404,
            "no-such-thing",
        ),
        case(
            Method::POST,
            format!("/jobs/{ended}/actions/cancel"),
            409,
            "job-ended",
        ),
        case(
            Method::POST,
            format!("/jobs/{ended}/actions/retry"),
            404,
            "no-such-route",
        ),
        case(
            Method::DELETE,
            format!("/jobs/{ended}"),
            405,
            "method-not-allowed",
        ),
        wrong("/jobs?cursor=17", "cursor"),
        wrong("/jobs?cursor=", "cursor"),
        case(
            Method::GET,
            "/jobs?state=lost".to_owned(),
            400,
            "invalid-query",
        ),
        wrong("/jobs?limit=0", "limit"),
        wrong("/jobs?limit=501", "limit"),
        case(
            Method::GET,
            "/jobs?limit=x".to_owned(),
            400,
            "invalid-query",
        ),
    ];
    refuse_all(&client, cases).await;
}
