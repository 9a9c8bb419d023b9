//! Somebody who has the database file, and the command that finds out.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use muster_api::audit::AuditVerification;
use muster_e2e::{Client, Host, muster_binary, servers::on_postgres};
use reqwest::Method;

use super::{change, entry};

/// Replaces text in a file by other text of the same length.
fn replace(path: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len(), "the file keeps its shape");
    let mut bytes = fs::read(path).expect("the file can be read");
    let mut found = 0;
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from} is not in {}", path.display());
    fs::write(path, bytes).expect("the file can be written");
}

fn verify_file(path: &Path, more: &[&str]) -> Output {
    Command::new(muster_binary())
        .args(["audit", "verify", "--file"])
        .arg(path)
        .args(more)
        .output()
        .expect("the muster binary runs")
}

async fn remove(client: &Client, app: &str) {
    let request = client.request(Method::DELETE, &format!("/apps/{app}"));
    assert_eq!(
        request.send().await.expect("the host answers").status(),
        404
    );
    entry(client, &format!("subject={app}")).await;
}

#[tokio::test]
async fn what_is_changed_in_the_database_is_found() {
    if on_postgres() {
        // There it has no file of its own to be changed in; the store's tests
        // change what is in its tables.
        return;
    }
    let mut host = Host::start().await;
    let client = host.client().await;
    remove(&client, "something-compromising").await;
    change(&client, "debug").await;
    let number = entry(&client, "subject=something-compromising")
        .await
        .number;
    let before: AuditVerification = client.get("/audit/verification").await;
    assert!(before.whole, "{before:?}");
    assert!(host.stop().await.success());
    let database = host.data_dir().join("muster.db");
    replace(
        &database,
        "something-compromising",
        "something-quite-benign",
    );
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let after: AuditVerification = client.get("/audit/verification").await;
    let broken = after.broken.expect("it was changed");
    assert_eq!((after.whole, broken.number), (false, number));
}

#[tokio::test]
async fn an_export_is_verified_without_the_host() {
    let mut host = Host::start().await;
    let client = host.client().await;
    for level in ["debug", "warn", "info"] {
        change(&client, level).await;
    }
    let export = client.request(Method::GET, "/audit/export");
    let text = export.send().await.unwrap().text().await.unwrap();
    let head = client
        .get::<AuditVerification>("/audit/verification")
        .await
        .head
        .to_string();
    host.kill();

    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("audit.ndjson");
    fs::write(&path, &text).expect("it can be written");
    let good = verify_file(&path, &["--head", &head]);
    let told = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success(), "{good:?}");
    assert!(told.contains(&head), "{told}");

    let lines: Vec<&str> = text.lines().collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    for (bad, why) in [
        (
            text.replacen("\"debug\"", "\"trace\"", 1),
            "not what was written",
        ),
        (without(1), "is missing"),
        (without(lines.len() - 1), "it was noted"),
    ] {
        fs::write(&path, bad).expect("it can be written");
        let found = verify_file(&path, &["--head", &head]);
        let told = String::from_utf8_lossy(&found.stderr);
        assert_eq!(found.status.code(), Some(1), "{why}: {found:?}");
        assert!(told.contains(why), "{why}: {told}");
    }
    fs::write(&path, without(1)).expect("it can be written");
    assert!(verify_file(&path, &["--filtered"]).status.success());
}
