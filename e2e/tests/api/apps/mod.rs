//! `/apps`: pushing them, and every verb that they have.

mod deletion;
mod lists;
mod pushes;
mod refusals;
mod verbs;

use muster_api::{
    apps::AppDetail,
    jobs::{Job, JobState},
};
use muster_e2e::{Client, eventually, push_of};
use reqwest::{Method, StatusCode};
use serde_json::Value;

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
