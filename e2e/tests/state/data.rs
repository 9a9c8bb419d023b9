//! Apps that are taken from one Muster to another.

use std::{fs, process::Command};

use muster_api::{data::ExportedData, jobs::Job};
use muster_e2e::{Client, Host, eventually, guest, muster_binary, push_with, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

async fn muster(host: &Host, client: &Client, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(muster_binary());
    command
        .args(arguments)
        .env("MUSTER_URL", host.url())
        .env("MUSTER_TOKEN", client.token());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("it ends").expect("it was started");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

async fn serves(client: &Client, host: &str, path: &str) {
    eventually("the app serves", || async {
        let (status, _) = client.ask(host, path).await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_app_is_taken_to_another_muster() {
    let (from, to) = (Host::start().await, Host::start().await);
    let (one, other) = (from.client().await, to.client().await);
    let settings = serde_json::from_value(json!({ "env": { "GREETING": "hello" } })).unwrap();
    push_with(&one, "shop", &guest("hello"), settings).await;
    one.push_component("shop", &guest("hello")).await;
    one.push_component("other", &guest("hello")).await;
    let route = json!({ "route": "shop.example.org", "app": "shop", "weight": 7 });
    let _: Value = one.send(Method::POST, "/routes", &route).await;
    let scaled: Job = one
        .send(Method::PATCH, "/apps/shop", &json!({ "instances": 2 }))
        .await;
    one.finished(&scaled).await;
    let before: ExportedData = one.get("/data?apps=shop").await;
    assert!(before.apps[0].releases.len() >= 2, "{before:?}");

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("data").display().to_string();
    let (good, text) = muster(&from, &one, &["data", "export", &file, "--app", "shop"]).await;
    assert!(good && text.contains("Exported 1 app"), "{text}");
    let (good, text) = muster(&from, &one, &["data", "export", &file]).await;
    assert!(!good, "it is there: {text}");
    let (good, text) = muster(&to, &other, &["data", "import", &file, "--dry-run"]).await;
    assert!(good && text.contains("the app shop comes"), "{text}");
    let apps: Value = other.get("/apps").await;
    assert_eq!(apps["items"], json!([]));

    let (good, text) = muster(&to, &other, &["data", "import", &file, "--yes"]).await;
    assert!(good && text.contains("Imported 1 app"), "{text}");
    serves(&other, "shop.localhost", "/").await;
    serves(&other, "shop.example.org", "/").await;
    let after: ExportedData = other.get("/data?apps=shop").await;
    let (old, new) = (&before.apps[0], &after.apps[0]);
    assert_eq!((old.instances, new.instances), (2, 2));
    assert_eq!(old.droplets, new.droplets);
    assert_eq!(old.routes.len(), new.routes.len());
    assert!(new.routes.iter().any(|route| route.weight == 7), "{new:?}");
    assert_eq!(old.releases.len(), new.releases.len());
    let env: Value = other.get("/apps/shop/env").await;
    assert!(env.to_string().contains("hello"), "{env}");

    let (good, text) = muster(&to, &other, &["data", "import", &file, "--dry-run"]).await;
    assert!(good && text.contains("there is an app shop"), "{text}");
    let (good, text) = muster(&to, &other, &["data", "import", &file, "--yes"]).await;
    assert!(!good && text.contains("--skip"), "{text}");
    let (good, text) = muster(&to, &other, &["data", "import", &file, "--yes", "--skip"]).await;
    assert!(good && text.contains("Imported 0 apps"), "{text}");
}

#[tokio::test]
async fn data_that_is_not_whole_changes_nothing() {
    let (from, to) = (Host::start().await, Host::start().await);
    let (one, other) = (from.client().await, to.client().await);
    one.push_component("shop", &guest("hello")).await;
    let data: Value = one.get("/data").await;
    let import = |data: &Value, more: Value| {
        let mut body = json!({ "data": data });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        other.request(Method::POST, "/data").json(&body)
    };
    refuse(import(&data, json!({})), 409, "blocks-missing").await;
    refuse(
        import(&data, json!({ "project": "nowhere" })),
        409,
        "blocks-missing",
    )
    .await;
    let dry = other
        .request(Method::POST, "/data?dry_run=true")
        .json(&json!({ "data": data, "project": "nowhere" }));
    refuse(dry, 404, "project-not-found").await;
    let mut odd = data.clone();
    odd["version"] = json!(2);
    refuse(import(&odd, json!({})), 422, "invalid-request").await;
    let mut odd = data.clone();
    odd["apps"][0]["releases"][0]["droplet"] = json!(99);
    refuse(import(&odd, json!({})), 422, "invalid-request").await;
    let mut odd = data.clone();
    odd["apps"][0]["droplets"][0]["entry"] = json!("main");
    refuse(import(&odd, json!({})), 422, "invalid-request").await;
    refuse(
        one.request(Method::GET, "/data?apps=nobody"),
        404,
        "app-not-found",
    )
    .await;
    let apps: Value = other.get("/apps").await;
    assert_eq!(apps["items"], json!([]));

    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let file = path.display().to_string();
    assert!(muster(&from, &one, &["data", "export", &file]).await.0);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    let (good, told) = muster(&to, &other, &["data", "import", &file, "--yes"]).await;
    assert!(!good && told.contains("line "), "{told}");
    let apps: Value = other.get("/apps").await;
    assert_eq!(apps["items"], json!([]));
}
