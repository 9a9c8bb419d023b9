//! Which app a request reaches, and what it is told on the way.

mod addresses;
mod heads;
mod shares;

use muster_api::{
    jobs::{Job, JobState},
    pushes::{Push, SettingsChange},
    routes::Route,
};
use muster_e2e::{Client, eventually, push_of};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

/// Pushes an app that answers every path with its name.
async fn named(client: &Client, name: &str) {
    let push = Push {
        settings: SettingsChange {
            fallback: Some("index.html".to_owned()),
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("index.html", name.as_bytes()).await])
    };
    let job = client.push(name, &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
}

async fn route(client: &Client, new: Value) -> Route {
    client.send(Method::POST, "/routes", &new).await
}

async fn done(client: &Client, method: Method, path: &str, body: Value) {
    let job: Job = client.send(method, path, &body).await;
    let job = client.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{path}: {job:?}");
}

/// A request as a browser makes it.
async fn ask(client: &Client, host: &str, path: &str) -> Response {
    let request = client
        .app(Method::GET, host, path)
        .header("accept", "text/html");
    request.send().await.expect("the data path answers")
}

/// The name of the app that answers; the status if none does.
async fn who(client: &Client, host: &str, path: &str) -> String {
    let reply = ask(client, host, path).await;
    match reply.status() {
        StatusCode::OK => reply.text().await.expect("text"),
        status => status.as_u16().to_string(),
    }
}

async fn until<T: PartialEq + std::fmt::Debug>(wanted: T, found: impl AsyncFn() -> T) {
    eventually(&format!("it is {wanted:?}"), async || {
        (found().await == wanted).then_some(())
    })
    .await;
}
