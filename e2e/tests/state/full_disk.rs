//! A disk that is full, and one that can only be read: what runs goes on, what
//! would write is refused as such, and with some space all is well again. The
//! disk is a small one in memory, which only root can mount.

use std::path::Path;

use muster_api::{
    apps::App,
    page::Page,
    pushes::Push,
    routes::{NewRoute, Route},
    tokens::TokenRequest,
};
use muster_e2e::{
    Client, Disk, Host, HostOptions, Load, PASSWORD, free_address, greeting, hello_version,
    push_of, refuse, refuse_to_serve, refused,
};
use reqwest::{Method, StatusCode};

async fn host_on(path: &Path) -> Host {
    Host::start_with(HostOptions {
        data_dir: Some(path.to_owned()),
        ..HostOptions::default()
    })
    .await
}

async fn serves(client: &Client, version: u32) {
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer, (StatusCode::OK, greeting(version)));
}

/// Adds routes until there is no space for another. Gives back those that were
/// added.
async fn add_routes(client: &Client) -> Vec<String> {
    let mut added = Vec::new();
    for number in 0..1_000 {
        let new = NewRoute {
            project: None,
            route: format!("route-{number}.test"),
            app: Some("hello".to_owned()),
            ..NewRoute::default()
        };
        let response = client.request(Method::POST, "/routes").json(&new).send();
        let response = response.await.expect("the host answers");
        if response.status() == StatusCode::CREATED {
            added.push(new.route);
        } else {
            refused(response, 507, "no-space").await;
            return added;
        }
    }
    panic!("{} routes fit onto a full disk", added.len());
}

/// Logs in, which keeps a token each time, until there is no space for another.
async fn log_in_until_refused(client: &Client) {
    let login = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..TokenRequest::default()
    };
    for _ in 0..100 {
        let request = client.anonymous(Method::POST, "/oauth/token");
        let response = request.form(&login).send().await;
        let response = response.expect("the host answers");
        if response.status() != StatusCode::OK {
            refused(response, 507, "no-space").await;
            return;
        }
    }
    panic!("a hundred tokens fit onto a full disk");
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_runs_goes_on() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let mut host = host_on(&disk.path()).await;
    let client = host.client().await;
    client.push_component("hello", &hello_version(0)).await;
    let load = Load::start(host.apps(), "hello.localhost", "/", 2);
    load.more(50).await;

    // All that a push of version 1 needs is there, but for the records.
    let push = Push {
        routes: vec!["another.test".to_owned()],
        ..push_of(vec![client.upload("app.wasm", &hello_version(1)).await])
    };
    disk.fill();
    let file = client_file(&client, 2);
    refuse(file, 507, "no-space").await;
    let added = add_routes(&client).await;
    // Small changes may still find a place; then there is none for anything.
    log_in_until_refused(&client).await;
    for app in ["hello", "other"] {
        let pushes = client.request(Method::POST, &format!("/apps/{app}/pushes"));
        refuse(pushes.json(&push), 507, "no-space").await;
    }

    let apps: Page<App> = client.get("/apps").await;
    assert_eq!(apps.items.len(), 1, "{apps:?}");
    load.more(50).await;
    let answers = load.end().await;
    assert!(answers.failed.is_empty(), "{:#?}", answers.failed);
    assert_eq!(answers.good.len(), 1, "{:?}", answers.good);

    // It comes back on a full disk too, at least to serve.
    host.kill_and_restart();
    host.wait_ready().await;
    serves(&client, 0).await;

    disk.free();
    let client = host.client().await;
    let job = client.push("hello", &push).await;
    assert!(job.problem.is_none(), "{job:?}");
    serves(&client, 1).await;
    client.push_component("hello", &hello_version(2)).await;
    serves(&client, 2).await;
    assert!(host.stop().await.success());
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    serves(&client, 2).await;
    let routes: Page<Route> = client.get("/routes?limit=500").await;
    let mut listed: Vec<String> = routes.items.into_iter().map(|route| route.host).collect();
    let mut expected = added;
    expected.extend(["another.test", "hello.localhost"].map(str::to_owned));
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

/// Uploads a version of the sample app, or tries to.
fn client_file(client: &Client, version: u32) -> reqwest::RequestBuilder {
    use sha2::{Digest, Sha256};
    let wasm = hello_version(version);
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let digest = muster_api::blocks::Digest::from_bytes(&digest);
    let put = client.request(Method::PUT, &format!("/blocks/{digest}"));
    put.body(wasm)
}

#[tokio::test]
async fn a_host_that_was_stopped_does_not_begin_on_a_full_disk_what_it_cannot_end() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let mut host = host_on(&disk.path()).await;
    let client = host.client().await;
    client.push_component("hello", &hello_version(0)).await;
    assert!(host.stop().await.success());
    disk.fill();
    let refusal = serve_on(&disk.path()).await;
    assert_eq!(refusal.code, 1, "{refusal:?}");
    assert!(refusal.told.contains("no space"), "{refusal:?}");
    disk.free();
    host.kill_and_restart();
    host.wait_ready().await;
    serves(&host.client().await, 0).await;
}

#[tokio::test]
async fn a_disk_that_can_only_be_read_is_named() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let mut host = host_on(&disk.path()).await;
    assert!(host.stop().await.success());
    disk.protect(true);
    let refusal = serve_on(&disk.path()).await;
    assert_eq!(refusal.code, 1, "{refusal:?}");
    let path = disk.path();
    let path = path.to_str().expect("temporary paths are text");
    for part in [path, "Read-only"] {
        assert!(refusal.told.contains(part), "{refusal:?}");
    }
    disk.protect(false);
    host.kill_and_restart();
    host.wait_ready().await;
}

/// Tries to serve what is on a disk.
async fn serve_on(path: &Path) -> muster_e2e::Refusal {
    let (management, apps) = (free_address().to_string(), free_address().to_string());
    let path = path.to_str().expect("temporary paths are text");
    let arguments = [
        "--data-dir",
        path,
        "--management",
        &management,
        "--apps",
        &apps,
    ];
    refuse_to_serve(&arguments, &[]).await
}
