//! `muster log`, `muster ports` and `muster op`.

use std::{
    io::{BufRead, BufReader},
    process::Child,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    person::{logged_in, ran},
    seen,
};

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), Signal::INT).expect("the process is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_logs_is_shown_and_followed() {
    let (_host, _client, person) = logged_in().await;
    let shown = person
        .run("log tail --target muster_server::boot -n 1")
        .good();
    seen("log-tail", &shown);
    assert_eq!(person.run("log tail --lines 0").good(), "");
    assert_eq!(person.run("log tail --level error").good(), "");
    let log = person.json("log tail --host edge-1 --text serves --since 1h");
    assert_eq!(log["items"][0]["message"], "the host serves");
    assert_eq!(log["missing"], Value::Array(Vec::new()));
    let refused = person.run("log tail --host nowhere").bad(3);
    seen("log-tail-refused", &refused);

    let mut follower = person.start("log stream --text serves -n 1 -o json");
    let mut lines = BufReader::new(follower.stdout.take().expect("it is piped"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("text");
    let line: Value = serde_json::from_str(&line).expect("an object a line");
    assert_eq!(line["message"], "the host serves");
    interrupt(&follower);
    assert_eq!(ran(follower).code, 0, "to stop looking is no failure");
}

#[tokio::test]
async fn ports_are_listed_and_rules_printed() {
    let (host, _client, person) = logged_in().await;
    let management = host.url().rsplit(':').next().unwrap_or_default().to_owned();
    let apps = host.apps().port().to_string();
    let masked = |text: &str| text.replace(&management, "[port]").replace(&apps, "[port]");
    seen("ports", &masked(&person.run("ports").good()));
    seen("ports-all", &masked(&person.run("ports --all").good()));
    let rules = person.run("ports --nftables --peer 192.0.2.7").good();
    assert!(rules.starts_with("#!/usr/sbin/nft -f\n"), "{rules}");
    assert!(rules.contains("elements = { 192.0.2.7/32 }"), "{rules}");
    let rules = person.json("ports --nftables");
    assert_eq!(rules["host"], "edge-1");
    let ports = person.json("ports --all");
    assert_eq!(ports[0]["items"][0]["role"], "controller");
    assert_eq!(ports[0]["host"], "edge-1");
}

#[tokio::test]
async fn addresses_that_make_no_sense_are_refused() {
    let (_host, _client, person) = logged_in().await;
    let line = "op static-ip 192.0.2.0/24 --interface eth0 --gateway 198.51.100.1 --dns 0.0.0.0";
    seen("static-ip-refused", &person.run(line).bad(2));
}
