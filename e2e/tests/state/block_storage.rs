//! Where blocks are kept: in local files or on an S3 server, verified and moved.

use std::process::Command;

use muster_api::{
    blocks::{BlockStorage, Digest},
    jobs::{Job, JobState},
    plan::Plan,
};
use muster_e2e::{
    Client, Host, HostOptions, eventually, guest, hello_version, host_with_peers, muster_binary,
    refuse, refuse_to_serve,
    servers::{S3Options, S3Server},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SECRET: &str = "never-to-be-seen";

fn options(server: &S3Server) -> HostOptions {
    let env = [
        ("MUSTER_BLOCKS_URL", server.url("blocks/of/this")),
        ("MUSTER_BLOCKS_ACCESS_KEY", "muster".to_owned()),
        ("MUSTER_BLOCKS_SECRET_KEY", SECRET.to_owned()),
    ];
    HostOptions {
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        ..HostOptions::default()
    }
}

async fn storage(client: &Client) -> BlockStorage {
    client.get("/blocks").await
}

async fn verified(client: &Client, repair: bool) -> Job {
    let asked = json!({ "repair": repair });
    let job = client
        .send(Method::POST, "/blocks/actions/verify", &asked)
        .await;
    client.finished(&job).await
}

async fn moved(client: &Client, to: &str) -> Job {
    let asked = json!({ "to": to, "access_key": "muster", "secret_key": SECRET });
    let job = client
        .send(Method::POST, "/blocks/actions/move", &asked)
        .await;
    client.finished(&job).await
}

async fn serves(client: &Client) -> bool {
    let (status, _) = client.ask("hello.localhost", "/").await;
    status == StatusCode::OK
}

async fn eventually_serves(client: &Client) {
    eventually("the app serves", || async {
        serves(client).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn apps_outlive_the_s3_server_and_uploads_are_refused_clearly() {
    let server = S3Server::start(&S3Options::default());
    let mut host = Host::start_with(options(&server)).await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    let shown = storage(&client).await;
    assert_eq!(shown.place, server.url("blocks/of/this"));
    let cache = shown.cache.unwrap();
    assert!(shown.blocks.unwrap() > 0 && shown.collects, "{shown:?}");
    assert_eq!(Some(cache.blocks), shown.blocks, "{shown:?}");
    let keys = server.keys("blocks");
    assert!(
        keys.iter().all(|key| key.starts_with("of/this/")),
        "{keys:?}"
    );

    server.go_away();
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    eventually_serves(&client).await;
    let put = client
        .request(
            Method::PUT,
            &format!(
                "/blocks/{}",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            ),
        )
        .body("abc");
    refuse(put, 503, "blocks-away").await;
    let asked = client.request(Method::POST, "/blocks/missing").json(
        &json!({ "blocks": ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] }),
    );
    refuse(asked, 503, "blocks-away").await;
    let shown = storage(&client).await;
    assert!(shown.blocks.is_none() && shown.problem.is_some() && !shown.collects);
    let scaled: Job = client
        .send(Method::PATCH, "/apps/hello", &json!({ "instances": 3 }))
        .await;
    assert_eq!(client.finished(&scaled).await.state, JobState::Succeeded);
    assert!(serves(&client).await);

    server.come_back();
    client.push_component("again", &guest("hello")).await;
    assert!(storage(&client).await.problem.is_none());
    assert!(!host.log().contains(SECRET));
}

#[tokio::test]
async fn blocks_are_found_missing_or_damaged_and_repaired() {
    let server = S3Server::start(&S3Options::default());
    let host = Host::start_with(options(&server)).await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    client.push_component("other", &hello_version(2)).await;
    assert_eq!(verified(&client, false).await.problem, None);
    let keys = server.keys("blocks");
    let digest = |key: &str| Digest::parse(key.rsplit('/').next()?).ok();
    let blocks: Vec<_> = keys.iter().filter(|key| digest(key).is_some()).collect();
    let (lost, damaged) = (blocks[0], blocks[1]);
    server.delete("blocks", lost);
    server.put("blocks", damaged, "damage");
    let job = verified(&client, false).await;
    let problem = job.problem.unwrap();
    assert_eq!(problem.code, "blocks-damaged");
    let told = |key: &str| {
        let name = digest(key).unwrap().to_string();
        let field = problem.fields.iter().find(|field| field.field == name);
        field.unwrap().message.clone()
    };
    assert!(
        told(lost).starts_with("missing; needed by the "),
        "{problem:?}"
    );
    assert!(
        told(damaged).starts_with("damaged; needed by the "),
        "{problem:?}"
    );
    assert_eq!(problem.fields.len(), 2);
    let job = verified(&client, true).await;
    assert_eq!(job.problem, None, "{job:?}");
    assert_eq!(verified(&client, false).await.problem, None);
}

#[tokio::test]
async fn a_damaged_block_comes_back_from_another_host() {
    let (leader, client) = host_with_peers(&[]).await;
    let (_follower, other) = host_with_peers(&[]).await;
    let token = client.link_token().await;
    other.join(&token.token).await;
    client.push_component("hello", &guest("hello")).await;
    let scaled: Job = client
        .send(Method::PATCH, "/apps/hello", &json!({ "instances": 2 }))
        .await;
    assert_eq!(client.finished(&scaled).await.problem, None);
    let droplets: Value = client.get("/apps/hello/droplets").await;
    let component = droplets["items"][0]["component"].as_str().unwrap();
    let name = Digest::parse(component).unwrap();
    let (a, b) = (&name.as_str()[..2], &name.as_str()[2..4]);
    let file = leader
        .data_dir()
        .join("blocks")
        .join(a)
        .join(b)
        .join(name.as_str());
    std::fs::write(&file, "damage").unwrap();
    let job = verified(&client, true).await;
    assert_eq!(job.problem, None, "{job:?}");
    assert!(
        job.log.iter().any(|line| line.ends_with("; repaired")),
        "{job:?}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), guest("hello"));
}

#[tokio::test]
async fn blocks_move_while_the_host_serves() {
    let server = S3Server::start(&S3Options {
        buckets: &["blocks", "others"],
        ..S3Options::default()
    });
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    let before = storage(&client).await;
    assert_eq!((before.place.as_str(), before.cache), ("local", None));
    let there = server.url("blocks");

    let plan: Plan = client
        .send(
            Method::POST,
            "/blocks/actions/move?dry_run=true",
            &json!({ "to": there, "access_key": "muster", "secret_key": SECRET }),
        )
        .await;
    assert!(plan.changes[0].contains(&there) && !plan.done, "{plan:?}");
    for (asked, status, code) in [
        (json!({ "to": "/srv" }), 422, "invalid-request"),
        (json!({ "to": "local" }), 409, "blocks-there"),
        (
            json!({ "to": server.url("nowhere"), "access_key": "muster", "secret_key": "x" }),
            422,
            "invalid-request",
        ),
        (
            json!({ "to": there, "access_key": "stranger", "secret_key": "x" }),
            422,
            "invalid-request",
        ),
    ] {
        let request = client
            .request(Method::POST, "/blocks/actions/move")
            .json(&asked);
        refuse(request, status, code).await;
    }
    assert_eq!(storage(&client).await, before);

    let job = moved(&client, &there).await;
    assert_eq!((job.state, job.problem), (JobState::Succeeded, None));
    let after = storage(&client).await;
    assert_eq!(
        (after.place.as_str(), after.blocks),
        (there.as_str(), before.blocks)
    );
    client.push_component("later", &guest("hello")).await;

    // The host finds them again without being told, with the credentials that the
    // move brought, and does not take an old word for it.
    host.set_env("MUSTER_BLOCKS_URL", "local");
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    assert_eq!(storage(&client).await.place, there);
    assert_eq!(verified(&client, false).await.problem, None);
    assert!(host.log().contains("moved away"), "a warning");

    let job = moved(&client, "local").await;
    assert_eq!((job.state, job.problem), (JobState::Succeeded, None));
    server.go_away();
    assert_eq!(verified(&client, false).await.problem, None);
    eventually_serves(&client).await;
    assert!(!host.log().contains(SECRET));
    let audit: Value = client.get("/audit?limit=100").await;
    assert!(audit.to_string().contains("blocks.move"));
    assert!(!audit.to_string().contains(SECRET));
}

#[tokio::test]
async fn a_move_goes_on_after_a_kill_and_can_be_cancelled() {
    let server = S3Server::start(&S3Options::default());
    let mut host = Host::start().await;
    let client = host.client().await;
    for number in 0..40_u32 {
        client
            .upload("x", &number.to_le_bytes().repeat(50_000))
            .await;
    }
    let asked = json!({ "to": server.url("blocks"), "access_key": "muster", "secret_key": SECRET });
    let begin = async |client: &Client| -> Job {
        client
            .send(Method::POST, "/blocks/actions/move", &asked)
            .await
    };
    let job = begin(&client).await;
    let again = client
        .request(Method::POST, "/blocks/actions/move")
        .json(&asked);
    refuse(again, 409, "job-in-progress").await;
    eventually("some blocks are there", || async {
        (server.keys("blocks").len() > 3).then_some(())
    })
    .await;
    let cancelled: Job = client
        .send(
            Method::POST,
            &format!("/jobs/{}/actions/cancel", job.id),
            &json!({}),
        )
        .await;
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(storage(&client).await.place, "local");

    let job = begin(&client).await;
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let job = client.finished(&job).await;
    assert_eq!(job.problem, None, "{job:?}");
    let shown = storage(&client).await;
    assert_eq!(shown.place, server.url("blocks"));
    assert!(shown.blocks.unwrap() >= 40, "{shown:?}");
}

#[tokio::test]
async fn of_two_states_that_share_a_bucket_one_removes_what_it_does_not_need() {
    let server = S3Server::start(&S3Options::default());
    let first = Host::start_with(options(&server)).await;
    let one = first.client().await;
    assert!(storage(&one).await.collects);
    let second = Host::start_with(options(&server)).await;
    let other = second.client().await;
    assert!(!storage(&other).await.collects);
    let plan: Plan = other
        .send(
            Method::POST,
            "/blocks/actions/adopt?dry_run=true",
            &json!({}),
        )
        .await;
    assert_eq!((plan.changes.len(), plan.done), (1, false));
    assert!(!storage(&other).await.collects);
    let plan: Plan = other
        .send(Method::POST, "/blocks/actions/adopt", &json!({}))
        .await;
    assert!(plan.done);
    assert!(storage(&other).await.collects && !storage(&one).await.collects);

    let local = Host::start().await;
    let request = local
        .client()
        .await
        .request(Method::POST, "/blocks/actions/adopt");
    refuse(request, 409, "blocks-not-shared").await;
}

#[tokio::test]
async fn a_host_does_not_leave_its_blocks_behind() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.upload("x", b"something").await;
    host.stop().await;
    let dir = host.data_dir().display().to_string();
    let refusal =
        refuse_to_serve(&["--data-dir", &dir, "--blocks-url", "s3://elsewhere"], &[]).await;
    assert!(
        refusal.told.contains("muster blocks move --to"),
        "{}",
        refusal.told
    );
}

#[tokio::test]
async fn the_command_line_shows_verifies_and_moves() {
    let server = S3Server::start(&S3Options::default());
    let host = Host::start().await;
    let client = host.client().await;
    client.upload("x", b"something").await;
    let muster = async |arguments: &[&str]| {
        let mut command = Command::new(muster_binary());
        command
            .args(arguments)
            .env("MUSTER_URL", host.url())
            .env("MUSTER_TOKEN", client.token())
            .env("MUSTER_BLOCKS_ACCESS_KEY", "muster")
            .env("MUSTER_BLOCKS_SECRET_KEY", SECRET);
        let done = tokio::task::spawn_blocking(move || command.output());
        let output = done.await.unwrap().unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        text
    };
    assert!(muster(&["blocks", "show"]).await.contains("local"));
    muster(&["blocks", "verify"]).await;
    let there = server.url("blocks");
    let plan = muster(&["blocks", "move", "--to", &there, "--dry-run"]).await;
    assert!(plan.contains("This changes:"), "{plan}");
    let text = muster(&["blocks", "move", "--to", &there, "--yes"]).await;
    assert!(text.contains("Moved the blocks to"), "{text}");
    assert!(muster(&["blocks", "show"]).await.contains("cache"));
    muster(&["blocks", "adopt", "--yes"]).await;
}
