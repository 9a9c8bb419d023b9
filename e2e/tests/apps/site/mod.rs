//! The static site through the router: what browsers, caches and attackers ask.

mod caching;
mod escapes;

use muster_api::{
    jobs::JobState,
    pushes::{Push, SettingsChange},
};
use muster_e2e::Client;
use reqwest::{Method, RequestBuilder, Response};

const PAGE: &str = "<!doctype html>\n<title>Home</title>\n";

const STYLE: &str = "body { margin: 0 }\n";

async fn push(client: &Client, app: &str, files: &[(&str, &[u8])], fallback: Option<&str>) {
    let mut push = Push {
        settings: SettingsChange {
            fallback: fallback.map(str::to_owned),
            ..SettingsChange::default()
        },
        ..Push::default()
    };
    for (path, bytes) in files {
        push.files.push(client.upload(path, bytes).await);
    }
    let job = client.push(app, &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
}

fn get(client: &Client, path: &str) -> RequestBuilder {
    client.app(Method::GET, "site.localhost", path)
}

/// A header field's value; empty if there is none.
fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().expect("text"))
}

async fn answer(request: RequestBuilder) -> (Response, Vec<u8>) {
    let mut response = request.send().await.expect("the data path answers");
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.expect("the body is whole") {
        body.extend_from_slice(&chunk);
    }
    (response, body)
}
