//! What stands in a host's way: another host, somebody else's port, a database
//! that is not its own. It says so and touches nothing. And how it ends.

use std::{fs, net::TcpListener, path::Path, process::Command, time::Duration};

use muster_api::{pushes::LimitsChange, status::Status};
use muster_e2e::{
    Host, HostOptions, Refusal, eventually, free_address, guest, host_with_neighbour, push_limited,
    refuse_to_serve,
};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::time::timeout;

/// Tries to serve that data on ports that are free.
async fn refused_data(data_dir: &Path) -> Refusal {
    let (management, apps) = (free_address().to_string(), free_address().to_string());
    let data_dir = data_dir.to_str().expect("temporary paths are text");
    let arguments = [
        "--data-dir",
        data_dir,
        "--management",
        &management,
        "--apps",
        &apps,
    ];
    refuse_to_serve(&arguments, &[]).await
}

/// A host that has served an app and was stopped, and its data.
async fn at_rest() -> (Host, TempDir) {
    let folder = TempDir::new().expect("a temporary directory");
    let mut host = Host::start_with(HostOptions {
        data_dir: Some(folder.path().join("data")),
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    assert!(host.stop().await.success());
    (host, folder)
}

#[tokio::test]
async fn a_second_host_on_the_same_data_is_refused() {
    let (host, client) = host_with_neighbour().await;
    let refusal = refused_data(host.data_dir()).await;
    assert_eq!(refusal.code, 1, "{refusal:?}");
    let path = host.data_dir().to_str().expect("it is text");
    for part in [path, "in use by another host", "--data-dir"] {
        assert!(refusal.told.contains(part), "{refusal:?}");
    }
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer.0, StatusCode::OK);
    client.push_component("hello", &guest("hello")).await;
}

#[tokio::test]
async fn a_database_that_is_none_is_named_and_left_alone() {
    let (mut host, _folder) = at_rest().await;
    let path = host.data_dir().join("muster.db");
    let whole = fs::read(&path).expect("there is a database");

    let noise: Vec<u8> = (0..whole.len())
        .map(|place| (place * 31 % 251) as u8)
        .collect();
    let half = whole[..whole.len() / 2].to_vec();
    let mut holes = whole.clone();
    for page in holes.chunks_mut(4096).skip(2).step_by(3) {
        page.fill(0xAA);
    }
    for (what, bytes) in [("noise", noise), ("a half", half), ("holes", holes)] {
        fs::write(&path, &bytes).expect("it can be written");
        let refusal = refused_data(host.data_dir()).await;
        assert_eq!(refusal.code, 1, "{what}: {refusal:?}");
        let named = path.to_str().expect("it is text");
        for part in ["database", named, "cannot be read"] {
            assert!(refusal.told.contains(part), "{what}: {refusal:?}");
        }
        let after = fs::read(&path).expect("it is still there");
        assert!(after == bytes, "{what}: the file was changed");
    }

    // It was the file alone.
    fs::write(&path, whole).expect("it can be written");
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer.0, StatusCode::OK);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (mut host, _folder) = at_rest().await;
    let path = host.data_dir().join("muster.db");
    let change = |statement: &str| {
        let run = Command::new("sqlite3").arg(&path).arg(statement).status();
        run.is_ok_and(|status| status.success())
    };
    // One that only added to it would be worked with.
    if !change(
        "INSERT INTO seaql_migrations VALUES ('m29990101_000001_tomorrow', 0);
         INSERT INTO schema_since VALUES ('2999.1.0')",
    ) {
        println!("skipped: there is no sqlite3 to change the database with");
        return;
    }
    let refusal = refused_data(host.data_dir()).await;
    assert_eq!(refusal.code, 1, "{refusal:?}");
    let named = path.to_str().expect("it is text");
    for part in [
        named,
        "newer version of Muster",
        "m29990101_000001_tomorrow",
    ] {
        assert!(refusal.told.contains(part), "{refusal:?}");
    }
    let undone = change(
        "DELETE FROM seaql_migrations WHERE version LIKE 'm2999%';
         DELETE FROM schema_since WHERE version LIKE '2999%'",
    );
    assert!(undone, "it was there");
    host.kill_and_restart();
    host.wait_ready().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let folder = TempDir::new().expect("a temporary directory");
    let data_dir = folder.path().join("data");
    let data_dir = data_dir.to_str().expect("temporary paths are text");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().map(|address| (taken, address));
    let (_listener, taken) = taken.expect("it is bound");
    let (host, client) = host_with_neighbour().await;

    let hosts = host.url();
    let hosts = hosts.trim_start_matches("http://").to_owned();
    for (flag, other, address) in [
        ("--management", "--apps", taken.to_string()),
        ("--apps", "--management", taken.to_string()),
        // Hosts share their port among their own threads, but with nobody else.
        ("--apps", "--management", host.apps().to_string()),
        ("--management", "--apps", hosts),
    ] {
        let free = free_address().to_string();
        let arguments = ["--data-dir", data_dir, flag, &address, other, &free];
        let refusal = refuse_to_serve(&arguments, &[]).await;
        assert_eq!(refusal.code, 1, "{refusal:?}");
        for part in ["cannot listen on", &address, &format!("with {flag}")] {
            assert!(refusal.told.contains(part), "{refusal:?}");
        }
    }
    for _ in 0..20 {
        let answer = client.ask("hello.localhost", "/").await;
        assert_eq!(answer.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_host_that_is_told_to_stop_finishes_what_it_serves() {
    let (mut host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        concurrency: Some(1),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;
    let asking = client.clone();
    let slow = tokio::spawn(async move {
        // The question below may be inside just then, and there is room for one.
        loop {
            let slow = asking.app(Method::GET, "hostile.localhost", "/sleep?ms=3000");
            let answer = slow.send().await;
            let full =
                |answer: &reqwest::Response| answer.status() == StatusCode::SERVICE_UNAVAILABLE;
            if !answer.as_ref().is_ok_and(full) {
                return answer;
            }
        }
    });
    eventually("the slow request inside", async || {
        let (status, _) = client.ask("hostile.localhost", "/count").await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    // Somebody follows a log, which would never end by itself.
    let follow = client.request(Method::GET, "/apps/hostile/logs?follow=true");
    let follow = follow.send().await.expect("the host answers");
    let follow = tokio::spawn(follow.bytes());

    let patience = Duration::from_secs(25);
    let stopped = timeout(patience, host.stop()).await;
    let status = stopped.expect("nothing holds up the end but the slow request");
    assert!(status.success(), "{status}: {}", host.log());
    let answer = slow.await.expect("the task ends");
    let answer = answer.expect("the data path answers");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.expect("a body"), "slept\n");
    let _ = follow.await.expect("the stream ends");
    assert!(
        !host.log().contains("did not end in time"),
        "{}",
        host.log()
    );

    host.kill_and_restart();
    host.wait_ready().await;
    let status: Status = host.client().await.get("/status").await;
    assert_eq!((status.apps, status.running), (2, 2));
}
