//! Backups: made while the host serves, verified, kept by number, restored onto
//! another machine.

use std::{fs, path::Path, process::Command};

use muster_api::{
    backups::Backup,
    blocks::BlockStorage,
    jobs::{Job, JobState},
    page::Page,
    plan::Plan,
};
use muster_e2e::{
    Client, Host, HostOptions, eventually, everything, guest, muster_binary, refuse,
    refuse_to_serve,
    servers::{Postgres, S3Options, S3Server, on_postgres},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSPHRASE: &str = "seven quiet umbrellas";

async fn configure(client: &Client, values: Value) {
    let _: Value = client.send(Method::PUT, "/config/backup", &values).await;
}

async fn create(client: &Client, how: Value) -> Job {
    let job = client.send(Method::POST, "/backups", &how).await;
    client.finished(&job).await
}

async fn list(client: &Client) -> Vec<Backup> {
    let page: Page<Backup> = client.get("/backups").await;
    page.items
}

fn muster(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(muster_binary())
        .args(arguments)
        .env("MUSTER_BACKUP_PASSPHRASE", PASSPHRASE)
        .output()
        .expect("it was started");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn restored_host(dir: &Path) -> HostOptions {
    HostOptions {
        data_dir: Some(dir.to_owned()),
        ..HostOptions::default()
    }
}

async fn serves(client: &Client) {
    eventually("the app serves", || async {
        let (status, _) = client.ask("hello.localhost", "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_restored_onto_another_machine() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("backups");
    refuse(
        client.request(Method::POST, "/backups").json(&json!({})),
        409,
        "backup-key-missing",
    )
    .await;
    configure(&client, json!({ "to": to, "passphrase": PASSPHRASE })).await;
    let shown: Value = client.get("/config/backup").await;
    assert!(!shown.to_string().contains(PASSPHRASE), "{shown}");

    let job = create(&client, json!({})).await;
    assert_eq!((job.state, &job.problem), (JobState::Succeeded, &None));
    let backups = list(&client).await;
    assert_eq!(backups.len(), 1);
    let backup = &backups[0];
    let one: Backup = client.get(&format!("/backups/{}", backup.name)).await;
    assert_eq!(&one, backup);
    let verify = format!("/backups/{}/actions/verify", backup.name);
    let job: Job = client.send(Method::POST, &verify, &json!({})).await;
    let job = client.finished(&job).await;
    assert_eq!(job.problem, None);
    assert!(job.log.last().unwrap().contains("is whole"), "{job:?}");

    let file = to.join(&backup.name);
    let bytes = fs::read(&file).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!holds(b"hello") && !holds(b"admin"), "it is sealed");
    let (file, before) = (file.display().to_string(), everything(&client).await);
    let target = folder.path().join("new machine");
    let directory = target.display().to_string();
    let (good, text) = muster(&["backup", "verify", "--file", &file]);
    assert!(good, "{text}");
    let (good, text) = muster(&["backup", "restore", &file, "--data-dir", &directory]);
    assert!(good && text.contains("muster serve"), "{text}");
    let (good, text) = muster(&["backup", "restore", &file, "--data-dir", &directory]);
    assert!(!good && text.contains("--replace"), "{text}");
    drop(host);

    let new = Host::start_with(restored_host(&target)).await;
    let client = new.client().await;
    serves(&client).await;
    let after = everything(&client).await;
    for field in [
        "id",
        "project",
        "release",
        "droplet",
        "settings",
        "created_at",
    ] {
        let of = |all: &Value| all["apps"]["items"][0][field].clone();
        assert_eq!(of(&after), of(&before), "{field}");
    }
    let verified: Job = client
        .send(Method::POST, "/blocks/actions/verify", &json!({}))
        .await;
    assert_eq!(client.finished(&verified).await.problem, None);
    let audit: Value = client.get("/audit/verification").await;
    assert_eq!(audit["whole"], json!(true), "{audit}");
    client.push_component("another", &guest("hello")).await;

    let (good, text) = muster(&[
        "backup",
        "restore",
        &file,
        "--data-dir",
        &directory,
        "--replace",
    ]);
    assert!(!good && text.contains("in use by another host"), "{text}");
}

#[tokio::test]
async fn a_backup_is_restored_into_postgresql() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("backups");
    configure(&client, json!({ "to": to, "passphrase": PASSPHRASE })).await;
    assert_eq!(create(&client, json!({})).await.problem, None);
    let file = to.join(&list(&client).await[0].name).display().to_string();
    let before = everything(&client).await;
    drop(host);

    let postgres = Postgres::start();
    let name = postgres.database();
    let url = postgres.url(&name);
    let target = folder.path().join("new machine");
    let directory = target.display().to_string();
    let restore = ["backup", "restore", &file, "--data-dir", &directory];
    let into = |more: &[&str]| muster(&[&restore[..], &["--database-url", &url], more].concat());

    // A backup that cannot be opened leaves the database alone.
    let key = folder.path().join("wrong");
    fs::write(&key, "another passphrase").unwrap();
    let key = key.display().to_string();
    let (good, text) = into(&["--passphrase-file", &key]);
    assert!(!good, "{text}");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(postgres.sql(&name, tables), "0");

    let (good, text) = into(&[]);
    assert!(good && text.contains("compared row by row"), "{text}");
    assert!(!text.contains("p%40ss"), "the password is not said: {text}");
    assert_eq!(postgres.sql(&name, "SELECT name FROM apps"), "hello");
    // It has kept where its state is; on PostgreSQL the tests would give it another one.
    let told = on_postgres().then(|| ("MUSTER_DATABASE_URL".to_owned(), url.clone()));
    let options = |target: &Path| HostOptions {
        env: told.iter().cloned().collect(),
        ..restored_host(target)
    };
    let mut new = Host::start_with(options(&target)).await;
    let client = new.client().await;
    serves(&client).await;
    let after = everything(&client).await;
    for field in ["id", "project", "release", "droplet", "created_at"] {
        let of = |all: &Value| all["apps"]["items"][0][field].clone();
        assert_eq!(of(&after), of(&before), "{field}");
    }
    let audit: Value = client.get("/audit/verification").await;
    assert_eq!(audit["whole"], json!(true), "{audit}");
    client.push_component("another", &guest("hello")).await;
    assert_eq!(postgres.sql(&name, "SELECT count(*) FROM apps"), "2");

    // Neither a host's state nor one that is at rest is overwritten by mistake.
    let other = folder.path().join("other").display().to_string();
    let restore = ["backup", "restore", &file, "--data-dir", &other];
    let again = |more: &[&str]| muster(&[&restore[..], &["--database-url", &url], more].concat());
    let (good, text) = again(&["--replace-database"]);
    assert!(
        !good && text.contains("a host works on the state"),
        "{text}"
    );
    new.stop().await;
    let (good, text) = again(&[]);
    assert!(!good && text.contains("--replace-database"), "{text}");
    assert_eq!(postgres.sql(&name, "SELECT count(*) FROM apps"), "2");
    let (good, text) = again(&["--replace-database"]);
    assert!(good, "{text}");
    assert_eq!(postgres.sql(&name, "SELECT count(*) FROM apps"), "1");
    let host = Host::start_with(options(Path::new(&other))).await;
    serves(&host.client().await).await;
}

#[tokio::test]
async fn a_damaged_backup_is_never_restored() {
    let host = Host::start().await;
    let client = host.client().await;
    configure(&client, json!({ "passphrase": PASSPHRASE })).await;
    assert_eq!(create(&client, json!({})).await.problem, None);
    let name = list(&client).await.remove(0).name;
    let file = host.data_dir().join("backups").join(&name);
    let good = fs::read(&file).unwrap();
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("data");
    let (path, directory) = (file.display().to_string(), target.display().to_string());
    let cases = [
        good[..good.len() - 1].to_vec(),
        good[..good.len() / 2].to_vec(),
        [&good[..], b"x"].concat(),
        {
            let mut flipped = good.clone();
            flipped[good.len() / 2] ^= 1;
            flipped
        },
    ];
    for (number, bytes) in cases.into_iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        let (verified, text) = muster(&["backup", "verify", "--file", &path]);
        assert!(!verified, "{number}: {text}");
        let (restored, text) = muster(&["backup", "restore", &path, "--data-dir", &directory]);
        assert!(!restored, "{number}: {text}");
        assert!(!target.join("muster.db").exists(), "{number}");
        let verify = format!("/backups/{name}/actions/verify");
        let job: Job = client.send(Method::POST, &verify, &json!({})).await;
        let problem = client.finished(&job).await.problem.unwrap();
        assert_eq!(problem.code, "backup-unusable", "{number}");
    }
    fs::write(&file, &good).unwrap();
    let other = folder.path().join("passphrase");
    fs::write(&other, "another passphrase\n").unwrap();
    let other = other.display().to_string();
    let (verified, text) = muster(&[
        "backup",
        "verify",
        "--file",
        &path,
        "--passphrase-file",
        &other,
    ]);
    assert!(!verified && text.contains("does not open"), "{text}");
    assert!(muster(&["backup", "verify", "--file", &path]).0);
}

#[tokio::test]
async fn what_is_replaced_is_put_aside() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let key = TempDir::new().unwrap();
    let key_file = key.path().join("key");
    fs::write(&key_file, [7; 32]).unwrap();
    configure(&client, json!({ "key_file": key_file, "to": key.path() })).await;
    assert_eq!(
        create(&client, json!({ "blocks": "list" })).await.problem,
        None
    );
    let name = list(&client).await.remove(0).name;
    client.push_component("late", &guest("hello")).await;
    host.stop().await;
    let file = key.path().join(name).display().to_string();
    let directory = host.data_dir().display().to_string();
    let key = key_file.display().to_string();
    let (good, text) = muster(&[
        "backup",
        "restore",
        &file,
        "--data-dir",
        &directory,
        "--key-file",
        &key,
        "--replace",
    ]);
    assert!(good && text.contains("replaced-"), "{text}");
    // The key of the sealed secrets came with it, and the late app did not.
    host.start_again();
    host.wait_ready().await;
    let client = host.client().await;
    let apps: Value = client.get("/apps").await;
    assert_eq!(apps["items"], json!([]));
    assert_eq!(
        create(&client, json!({ "blocks": "list" })).await.problem,
        None
    );

    host.stop().await;
    fs::create_dir(host.data_dir().join(".restoring")).unwrap();
    let refusal = refuse_to_serve(&["--data-dir", &directory], &[]).await;
    assert!(refusal.told.contains("cut short"), "{}", refusal.told);
}

#[tokio::test]
async fn a_killed_create_leaves_nothing_that_looks_like_a_backup() {
    let mut host = Host::start().await;
    let client = host.client().await;
    configure(&client, json!({ "passphrase": PASSPHRASE })).await;
    client.push_component("hello", &guest("hello")).await;
    let backups = host.data_dir().join("backups");
    for _ in 0..3 {
        let _: Job = client.send(Method::POST, "/backups", &json!({})).await;
        host.kill();
        let whole: Vec<_> = fs::read_dir(&backups)
            .map(|entries| {
                let names = entries.map(|entry| entry.unwrap().path());
                names
                    .filter(|path| path.extension().is_some_and(|it| it == "muster-backup"))
                    .collect()
            })
            .unwrap_or_default();
        for path in whole {
            let path = path.display().to_string();
            let (good, text) = muster(&["backup", "verify", "--file", &path]);
            assert!(good, "{text}");
        }
        host.start_again();
        host.wait_ready().await;
        let client = host.client().await;
        // It goes on, from its beginning.
        eventually("the job has ended", || async {
            let jobs: Value = client.get("/jobs?state=running").await;
            let queued: Value = client.get("/jobs?state=queued").await;
            (jobs["items"] == json!([]) && queued["items"] == json!([])).then_some(())
        })
        .await;
        assert!(!list(&client).await.is_empty());
    }
}

#[tokio::test]
async fn backups_are_made_by_themselves_and_only_some_are_kept() {
    let host = Host::start().await;
    let client = host.client().await;
    configure(
        &client,
        json!({ "passphrase": PASSPHRASE, "keep": 2, "interval": "1h" }),
    )
    .await;
    eventually("a backup is made", || async {
        (list(&client).await.len() == 1).then_some(())
    })
    .await;
    let first = list(&client).await.remove(0);
    for _ in 0..2 {
        // Names and order have seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(create(&client, json!({})).await.problem, None);
    }
    let kept = list(&client).await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|backup| backup.id != first.id));
    let path = format!("/backups/{}", kept[0].name);
    let plan: Plan = client
        .send(Method::DELETE, &format!("{path}?dry_run=true"), &json!({}))
        .await;
    assert_eq!((plan.removes.len(), plan.done), (1, false));
    let plan: Plan = client.send(Method::DELETE, &path, &json!({})).await;
    assert!(plan.done);
    assert_eq!(list(&client).await.len(), 1);
    refuse(client.request(Method::GET, &path), 404, "backup-not-found").await;
}

#[tokio::test]
async fn backups_go_to_a_bucket_and_leave_its_blocks_alone() {
    let server = S3Server::start(&S3Options {
        buckets: &["blocks", "backups"],
        ..S3Options::default()
    });
    let env = [
        ("MUSTER_BLOCKS_URL", server.url("blocks")),
        ("MUSTER_BLOCKS_ACCESS_KEY", "muster".to_owned()),
        ("MUSTER_BLOCKS_SECRET_KEY", "secret".to_owned()),
    ];
    let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value)).into();
    let host = Host::start_with(HostOptions {
        env: env.clone(),
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    let first: BlockStorage = client.get("/blocks").await;
    assert!(first.collects);
    configure(
        &client,
        json!({ "to": server.url("backups"), "access_key": "muster", "secret_key": "x", "passphrase": PASSPHRASE, "blocks": "list" }),
    )
    .await;
    let job = create(&client, json!({})).await;
    assert_eq!(job.problem, None, "{job:?}");
    let name = list(&client).await.remove(0).name;
    let job: Job = client
        .send(
            Method::POST,
            &format!("/backups/{name}/actions/verify"),
            &json!({}),
        )
        .await;
    assert_eq!(client.finished(&job).await.problem, None);

    let folder = TempDir::new().unwrap();
    let file = folder.path().join(&name);
    let text = server.get("backups", &name);
    fs::write(&file, text.chars().map(|c| c as u8).collect::<Vec<_>>()).unwrap();
    let target = folder.path().join("data");
    let (file, directory) = (file.display().to_string(), target.display().to_string());
    let (good, text) = muster(&["backup", "restore", &file, "--data-dir", &directory]);
    assert!(good && text.contains("blocks verify"), "{text}");
    let copy = Host::start_with(HostOptions {
        env,
        ..restored_host(&target)
    })
    .await;
    let other = copy.client().await;
    serves(&other).await;
    let shown: BlockStorage = other.get("/blocks").await;
    assert!(!shown.collects, "the first one may still be there");
    let plan: Plan = other
        .send(Method::POST, "/blocks/actions/adopt", &json!({}))
        .await;
    assert!(plan.done);

    server.go_away();
    let request = client.request(Method::POST, "/backups").json(&json!({}));
    let answer = request.send().await.unwrap();
    if answer.status() == StatusCode::ACCEPTED {
        let job: Job = answer.json().await.unwrap();
        let problem = client.finished(&job).await.problem.unwrap();
        assert_eq!(problem.code, "blocks-away");
    }
}

#[tokio::test]
async fn the_command_line_makes_lists_and_removes() {
    let host = Host::start().await;
    let client = host.client().await;
    configure(&client, json!({ "passphrase": PASSPHRASE })).await;
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(muster_binary());
        command
            .args(arguments)
            .env("MUSTER_URL", host.url())
            .env("MUSTER_TOKEN", client.token());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    let text = run(&["backup", "list"]).await;
    assert!(text.contains("muster backup create"), "{text}");
    assert!(run(&["backup", "create"]).await.contains("Made a backup"));
    let name = list(&client).await.remove(0).name;
    assert!(run(&["backup", "list"]).await.contains(&name));
    assert!(run(&["backup", "show", &name]).await.contains("passphrase"));
    assert!(run(&["backup", "verify", &name]).await.contains("is whole"));
    run(&["backup", "delete", &name, "--yes"]).await;
    assert_eq!(list(&client).await, []);
}
