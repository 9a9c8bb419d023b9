//! Files that are rotated, and syslog.

use std::{fs, net::UdpSocket, os::unix::net::UnixDatagram, time::Duration};

use muster_api::logging::LoggingState;
use muster_e2e::{Host, HostOptions, eventually, refuse_to_serve};
use serde_json::{Value, json};

use super::{mention, put};

#[tokio::test]
async fn lines_go_to_a_file_as_json_and_the_file_is_rotated() {
    let host = Host::start().await;
    let client = host.client().await;
    let to = json!([{ "kind": "file", "path": "host.log", "max_size": 4096, "keep": 2 }, { "kind": "stderr" }]);
    put(
        &client,
        json!({ "logging": { "level": "debug", "format": "json", "to": to } }),
    )
    .await;
    let folder = host.data_dir().join("logs");
    for number in 0..100 {
        mention(&client, &format!("app-{number}")).await;
    }
    let last = folder.join("host.log");
    eventually("the last line", async || {
        let text = fs::read_to_string(&last).ok()?;
        text.contains("app-99").then_some(())
    })
    .await;
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["host.log", "host.log.1", "host.log.2"]);
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).expect("it can be read");
        assert!(text.len() <= 4096, "{name} has {} bytes", text.len());
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert!(
                line["timestamp"].is_string() && line["level"].is_string(),
                "{line}"
            );
        }
    }
    assert!(
        host.log().contains("\"path\":\"/api/v1/apps/app-99\""),
        "standard error has them too"
    );
    let state: LoggingState = client.get("/logging").await;
    assert_eq!(state.lost, 0);
}

#[tokio::test]
async fn lines_go_to_syslog_servers() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("log");
    let unix = UnixDatagram::bind(&path).expect("a socket");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    unix.set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    udp.set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let host = Host::start_with(HostOptions {
        env: vec![(
            "MUSTER_LOG_TO".to_owned(),
            format!(
                "stderr;syslog:udp:{}",
                udp.local_addr().expect("it is bound")
            ),
        )],
        ..HostOptions::default()
    })
    .await;
    let mut buffer = [0; 4096];
    let count = udp.recv(&mut buffer).expect("the host says that it serves");
    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
    let header = format!(" muster {} - - ", host.pid());
    assert!(
        text.starts_with("<30>1 ") && text.contains(&header),
        "{text}"
    );

    let client = host.client().await;
    let address = format!("unix:{}", path.display());
    let to = json!([{ "kind": "syslog", "address": address }]);
    put(
        &client,
        json!({ "logging": { "level": "debug", "to": to } }),
    )
    .await;
    mention(&client, "app-one").await;
    loop {
        let count = unix.recv(&mut buffer).expect("the host speaks");
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if text.contains("app-one") {
            assert!(
                text.starts_with("<31>1 ") && text.contains(&header),
                "{text}"
            );
            break;
        }
    }
}

#[tokio::test]
async fn a_place_that_makes_no_sense_is_refused_at_the_start() {
    for place in [
        "paper",
        "file:",
        "file:a/b.log",
        "syslog:http:host:80",
        "stderr;stderr",
    ] {
        let refusal = refuse_to_serve::<&str>(&[], &[("MUSTER_LOG_TO", place)]).await;
        assert_eq!(refusal.code, 2, "{place}: {refusal:?}");
    }
}
