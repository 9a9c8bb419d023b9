//! The bus and the queues, with real servers of NATS: what was accepted is done, once,
//! whatever becomes of the bus.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use muster_api::{
    jobs::{Job, JobState},
    page::Page,
    plan::Plan,
    problem::Problem,
    queues::{Bus, BusKind, Message, MessageState, Queue},
    status::Status,
};
use muster_e2e::{
    Client, Host, HostOptions, eventually, refuse_to_serve,
    servers::{Nats, NatsOptions, SmtpOptions, SmtpServer},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn on(url: &str) -> HostOptions {
    HostOptions {
        env: vec![("MUSTER_BUS_URL".to_owned(), url.to_owned())],
        ..HostOptions::default()
    }
}

async fn with_mail(host: &Host, port: u16) -> Client {
    let client = host.client().await;
    let mail = json!({
        "host": "127.0.0.1", "port": port, "tls": "none",
        "from": "Muster <muster@example.org>",
    });
    let _: Value = client.send(Method::PUT, "/config/mail", &mail).await;
    client
}

/// Has a mail sent to that address, in the transaction that makes a user.
async fn invite(client: &Client, name: &str) {
    let user = json!({ "name": name, "email": address(name), "type": "developer" });
    let _: Value = client.send(Method::POST, "/users", &user).await;
}

fn address(name: &str) -> String {
    format!("{name}@example.org")
}

async fn queue(client: &Client, name: &str) -> Queue {
    let queues: Page<Queue> = client.get("/queues").await;
    let found = queues.items.into_iter().find(|queue| queue.name == name);
    found.expect("there is such a queue")
}

async fn connected(client: &Client, is: bool) -> Bus {
    eventually("the bus is as it should be", async || {
        let bus: Bus = client.get("/bus").await;
        (bus.connected == is).then_some(bus)
    })
    .await
}

/// Waits until all of these have a mail, and makes sure that nobody has two.
async fn each_has_one(smtp: &SmtpServer, client: &Client, names: &[String]) {
    eventually("everybody has a mail", async || {
        let counts = counts(smtp);
        let there = |name: &String| counts.contains_key(&address(name));
        names.iter().all(there).then_some(())
    })
    .await;
    eventually("the queue is empty", async || {
        let queue = queue(client, "mails").await;
        (queue.waiting + queue.in_flight + queue.dead == 0).then_some(())
    })
    .await;
    let counts = counts(smtp);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(counts.len(), names.len());
}

fn counts(smtp: &SmtpServer) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mail in smtp.mails() {
        for to in mail.to {
            *counts.entry(to).or_default() += 1;
        }
    }
    counts
}

/// What the servers tell of who listens to a queue; the last word of those that know.
async fn listener(nats: &Nats, queue: &str) -> Option<Value> {
    let mut known = Vec::new();
    for place in 0..nats.servers() {
        for stream in nats.streams(place).await {
            let listeners = stream["consumer_detail"].as_array().cloned();
            known.extend(listeners.unwrap_or_default());
        }
    }
    known.retain(|it| it["name"] == queue);
    known.into_iter().max_by_key(brought)
}

fn brought(listener: &Value) -> u64 {
    listener["delivered"]["consumer_seq"]
        .as_u64()
        .unwrap_or_default()
}

/// Waits until somebody listens to each queue.
async fn listened(nats: &Nats) {
    for queue in ["mails", "works"] {
        eventually("somebody listens", async || listener(nats, queue).await).await;
    }
}

/// Waits until so much of a queue was brought, and no more.
async fn carried(nats: &Nats, queue: &str, count: u64) {
    eventually("it was brought", async || {
        let listener = listener(nats, queue).await?;
        assert!(brought(&listener) <= count, "{listener:#?}");
        (brought(&listener) == count).then_some(())
    })
    .await;
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|it| format!("{prefix}-{it}")).collect()
}

#[tokio::test]
async fn work_goes_by_the_bus_and_on_when_a_server_dies() {
    let mut nats = Nats::start(NatsOptions {
        servers: 3,
        ..NatsOptions::default()
    });
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start_with(on(&nats.url(""))).await;
    let client = with_mail(&host, smtp.port()).await;
    let bus = connected(&client, true).await;
    assert_eq!((bus.kind, bus.servers.len()), (BusKind::Nats, 3));
    listened(&nats).await;
    let mut all = names("first", 5);
    for name in &all {
        invite(&client, name).await;
    }
    each_has_one(&smtp, &client, &all).await;
    let job: Job = client
        .send(Method::POST, "/blocks/actions/verify", &json!({}))
        .await;
    assert_eq!(client.finished(&job).await.state, JobState::Succeeded);

    carried(&nats, "mails", 5).await;
    carried(&nats, "works", 1).await;
    let streams = nats.streams(0).await;
    assert_eq!(streams[0]["config"]["num_replicas"], 3, "{streams:#?}");

    // The one that it is connected to.
    let server = bus.server.expect("it is connected");
    let place = (0..3).find(|it| server.contains(&nats.address(*it).to_string()));
    nats.kill(place.expect("it is one of them"));
    let more = names("second", 5);
    for name in &more {
        invite(&client, name).await;
    }
    all.extend(more);
    each_has_one(&smtp, &client, &all).await;
    let bus = connected(&client, true).await;
    assert_ne!(bus.server, Some(server));
}

#[tokio::test]
async fn nothing_is_lost_when_all_servers_and_the_host_restart() {
    let mut nats = Nats::start(NatsOptions {
        servers: 3,
        ..NatsOptions::default()
    });
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let mut host = Host::start_with(on(&nats.url(""))).await;
    let client = with_mail(&host, smtp.port()).await;
    connected(&client, true).await;
    let mut all = Vec::new();
    for round in 0..3 {
        for name in names(&format!("round-{round}"), 4) {
            invite(&client, &name).await;
            all.push(name);
        }
        // In the middle of it, whoever is at what.
        match round {
            0 => nats.kill_all(),
            1 => nats.begin_all(),
            _ => {}
        }
    }
    each_has_one(&smtp, &client, &all).await;
    host.stop().await;
    nats.kill_all();
    nats.begin_all();
    host.start_again();
    host.wait_ready().await;
    let client = host.client().await;
    connected(&client, true).await;
    invite(&client, "last").await;
    all.push("last".to_owned());
    each_has_one(&smtp, &client, &all).await;
}

#[tokio::test]
async fn without_the_bus_changes_are_taken_and_work_is_done() {
    let mut nats = Nats::start(NatsOptions::default());
    nats.kill_all();
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start_with(on(&nats.url(""))).await;
    let client = with_mail(&host, smtp.port()).await;
    let bus = connected(&client, false).await;
    assert!(bus.problem.is_some(), "{bus:?}");
    let status: Status = client.get("/status").await;
    let [line] = &status.attention[..] else {
        panic!("the bus, and nothing else: {status:?}");
    };
    let server = nats.address(0).to_string();
    assert!(
        line.starts_with("bus: ") && line.contains(&server),
        "{line}"
    );
    assert!(line.contains("work is done all the same"), "{line}");
    assert!(status.ready);
    let probe = client.anonymous(Method::GET, "/readyz").send().await;
    assert_eq!(probe.expect("an answer").status(), StatusCode::OK);
    let mut all = names("away", 3);
    for name in &all {
        invite(&client, name).await;
    }
    each_has_one(&smtp, &client, &all).await;
    let job: Job = client
        .send(Method::POST, "/blocks/actions/verify", &json!({}))
        .await;
    assert_eq!(client.finished(&job).await.state, JobState::Succeeded);
    nats.begin_all();
    connected(&client, true).await;
    let status: Status = client.get("/status").await;
    assert!(status.attention.is_empty(), "{status:?}");
    listened(&nats).await;
    invite(&client, "back").await;
    all.push("back".to_owned());
    each_has_one(&smtp, &client, &all).await;
    carried(&nats, "mails", 1).await;
}

#[tokio::test]
async fn what_waited_when_the_host_died_is_sent_once_it_is_back() {
    let nats = Nats::start(NatsOptions::default());
    let mut smtp = SmtpServer::start(&SmtpOptions::default());
    let mut host = Host::start_with(on(&nats.url(""))).await;
    let client = with_mail(&host, smtp.port()).await;
    connected(&client, true).await;
    smtp.stop();
    let all = names("waits", 4);
    for name in &all {
        invite(&client, name).await;
    }
    let queue = queue(&client, "mails").await;
    assert_eq!(queue.waiting + queue.in_flight, 4);
    assert!(queue.oldest_at.is_some());
    host.kill_and_restart();
    host.wait_ready().await;
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let client = with_mail(&host, smtp.port()).await;
    // They wait for their next attempt; nobody has to.
    let waiting: Page<Message> = client.get("/queues/mails/messages").await;
    assert_eq!(waiting.items.len(), 4);
    for message in waiting.items {
        let path = format!("/queues/mails/messages/{}/actions/retry", message.id);
        let request = client.request(Method::POST, &path);
        let _ = request.send().await.expect("an answer");
    }
    each_has_one(&smtp, &client, &all).await;
}

#[tokio::test]
async fn a_broken_message_is_kept_retried_and_dropped() {
    let nats = Nats::start(NatsOptions::default());
    let smtp = SmtpServer::start(&SmtpOptions {
        refuse: &["poison@example.org"],
        ..SmtpOptions::default()
    });
    let host = Host::start_with(on(&nats.url(""))).await;
    let client = with_mail(&host, smtp.port()).await;
    connected(&client, true).await;
    invite(&client, "poison").await;
    invite(&client, "good").await;
    let dead = eventually("it is given up", async || {
        let dead: Page<Message> = client.get("/queues/mails/messages?dead=true").await;
        dead.items.into_iter().next()
    })
    .await;
    assert_eq!((dead.state, dead.attempts), (MessageState::Dead, 1));
    assert_eq!(dead.body["address"], "poison@example.org");
    assert!(dead.last_error.is_some());
    smtp.received(1).await;
    assert_eq!(counts(&smtp), BTreeMap::from([(address("good"), 1)]));

    let path = format!("/queues/mails/messages/{}", dead.id);
    let shown: Message = client.get(&path).await;
    assert_eq!(shown, dead);
    let retry = client.request(Method::POST, &format!("{path}/actions/retry"));
    let retried: Message = retry
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        (retried.state, retried.attempts),
        (MessageState::Waiting, 0)
    );
    eventually("it is given up again", async || {
        let again: Message = client.get(&path).await;
        (again.state == MessageState::Dead && again.dead_at != dead.dead_at).then_some(())
    })
    .await;

    let drop = |query: &str| client.request(Method::DELETE, &format!("{path}{query}"));
    let planned: Plan = drop("?dry_run=true")
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert!(!planned.done && planned.removes.len() == 1, "{planned:?}");
    assert_eq!(queue(&client, "mails").await.dead, 1);
    let dropped: Plan = drop("")
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert!(dropped.done);
    assert_eq!(queue(&client, "mails").await.dead, 0);
    let gone = drop("").send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let gone: Problem = gone.json().await.expect("a problem");
    assert_eq!(gone.code, "message-not-found");
    let none = client.request(Method::GET, "/queues/letters/messages");
    let none: Problem = none
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a problem");
    assert_eq!(none.code, "queue-not-found");
}

#[tokio::test]
async fn only_who_is_let_in_gets_in_and_a_wrong_url_is_refused() {
    let nats = Nats::start(NatsOptions {
        login: Some(("muster", "hunter2")),
        ..NatsOptions::default()
    });
    let host = Host::start_with(on(&nats.url("muster:hunter2"))).await;
    let client = host.client().await;
    connected(&client, true).await;
    assert!(!host.log().contains("hunter2"));

    let host = Host::start_with(on(&nats.url("muster:wrong"))).await;
    let client = host.client().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let bus = connected(&client, false).await;
    assert!(bus.problem.is_some(), "{bus:?}");

    let nats = Nats::start(NatsOptions {
        token: Some("opensesame"),
        ..NatsOptions::default()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "opensesame\n").expect("a file");
    let url = format!("{}?token_file={}", nats.url(""), file.display());
    let host = Host::start_with(on(&url)).await;
    connected(&host.client().await, true).await;
    let refusal = refuse_to_serve(&["--bus-url", "nats://muster:hunter2@a:b"], &[]).await;
    assert_eq!(refusal.code, 2, "{}", refusal.told);
    assert!(refusal.told.contains("no port"), "{}", refusal.told);
    assert!(!refusal.told.contains("hunter2"), "{}", refusal.told);
}
