//! A host's state is carried to PostgreSQL and back, with all that belongs to it.

use std::{path::Path, process::Command};

use http::Method;
use muster_api::{
    apps::AppDetail,
    jobs::{Job, JobState},
};
use muster_e2e::{Host, hello_version, muster_binary, push_of, servers::Postgres};
use serde_json::json;

/// Runs `muster state move`, and gives back how it ended and what it said.
fn state_move(data_dir: &Path, arguments: &[&str]) -> (bool, String) {
    let ran = Command::new(muster_binary())
        .args(["state", "move"])
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .env_remove("MUSTER_DATABASE_URL")
        .output()
        .expect("it was started");
    let said = [ran.stdout, ran.stderr].concat();
    (
        ran.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn all_of_a_state_goes_to_postgresql_and_comes_back_with_what_changed_there() {
    let postgres = Postgres::start();
    let url = postgres.url(&postgres.database());
    let mut host = Host::start().await;
    let client = host.client().await;
    let wasm = client.upload("app.wasm", &hello_version(1)).await;
    let job = client.push("kept", &push_of(vec![wasm])).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let before: AppDetail = client.get("/apps/kept").await;

    let dir = host.data_dir().to_owned();
    let (done, said) = state_move(&dir, &["--to", &url]);
    assert!(
        !done && said.contains("is in use by another host"),
        "{said}"
    );
    let (done, said) = state_move(&dir, &["--back"]);
    assert!(!done, "{said}");
    host.stop().await;
    let (done, said) = state_move(&dir, &["--back"]);
    assert!(!done && said.contains("muster state move --to"), "{said}");
    let (done, said) = state_move(&dir, &["--to", &url]);
    assert!(done && said.contains("compared on both sides"), "{said}");
    assert!(!said.contains("p%40ss"), "the password is not said: {said}");
    let (done, said) = state_move(&dir, &["--to", &url]);
    assert!(!done && said.contains("muster state move --back"), "{said}");

    // The tokens from before are as good as ever.
    host.start_again();
    host.wait_ready().await;
    let there: AppDetail = client.get("/apps/kept").await;
    assert_eq!(
        (there.app.id, there.app.release),
        (before.app.id, before.app.release)
    );
    let job: Job = client
        .send(Method::PATCH, "/apps/kept", &json!({ "instances": 2 }))
        .await;
    assert_eq!(client.finished(&job).await.state, JobState::Succeeded);
    host.stop().await;

    let (done, said) = state_move(&dir, &["--back"]);
    assert!(done, "{said}");
    postgres.sql("postgres", "SELECT 1");
    host.start_again();
    host.wait_ready().await;
    let back: AppDetail = client.get("/apps/kept").await;
    assert_eq!((back.app.id, back.app.instances), (before.app.id, 2));
    host.stop().await;

    // What was left there is in nobody's way.
    let (done, said) = state_move(&dir, &["--to", &url]);
    assert!(done, "{said}");
    let (done, said) = state_move(&dir, &["--confirm"]);
    assert!(done, "{said}");
    host.start_again();
    host.wait_ready().await;
    let kept: AppDetail = client.get("/apps/kept").await;
    assert_eq!(kept.app.id, before.app.id);
}
