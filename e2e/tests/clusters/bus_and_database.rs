//! A cluster with everything that several control-plane hosts may share, as real
//! servers: a database and a bus of several servers. The bus goes and comes back.

use std::{collections::BTreeMap, fs};

use http::Method;
use muster_api::{
    jobs::{Job, JobState},
    page::Page,
    queues::{Bus, Queue},
};
use muster_e2e::{
    Client, Host, HostOptions, eventually, eventually_within,
    servers::{Nats, NatsOptions, Postgres, SmtpOptions, SmtpServer},
};
use serde_json::{Value, json};

use crate::several::{Lease, PATIENCE, Several, Traffic, get};

const ALL: [usize; 3] = [0, 1, 2];

/// Has a mail sent to an address, in the transaction that makes a user.
async fn invite(client: &Client, name: &str) {
    let user = json!({ "name": name, "email": address(name), "type": "developer" });
    let _: Value = client.send(Method::POST, "/users", &user).await;
}

fn address(name: &str) -> String {
    format!("{name}@example.org")
}

/// Waits until each of these has a mail, nothing is left to do, and nobody has two.
async fn each_has_one(smtp: &SmtpServer, client: &Client, names: &[String]) {
    let counts = || {
        let mut counts = BTreeMap::<String, usize>::new();
        for to in smtp.mails().into_iter().flat_map(|mail| mail.to) {
            *counts.entry(to).or_default() += 1;
        }
        counts
    };
    eventually_within(PATIENCE, "everybody has a mail", async || {
        let counts = counts();
        let there = names.iter().all(|name| counts.contains_key(&address(name)));
        there.then_some(())
    })
    .await;
    eventually_within(PATIENCE, "the queues are empty", async || {
        let queues: Page<Queue> = get(client, "/queues").await.ok()?;
        let left = queues.items.iter();
        let left = left.map(|it| it.waiting + it.in_flight + it.dead);
        (left.sum::<u64>() == 0).then_some(())
    })
    .await;
    let counts = counts();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(counts.len(), names.len());
}

async fn connected(client: &Client, is: bool) {
    eventually("the bus is as it should be", async || {
        let bus: Bus = get(client, "/bus").await.ok()?;
        (bus.connected == is).then_some(())
    })
    .await;
}

async fn all_are_clients(nats: &Nats) {
    eventually("every host is a client of the bus", async || {
        (nats.clients().await >= 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_taken_and_work_is_done_while_the_bus_is_away() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let mut nats = Nats::start(NatsOptions {
        servers: 3,
        ..NatsOptions::default()
    });
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let options = HostOptions {
        env: vec![("MUSTER_BUS_URL".to_owned(), nats.url(""))],
        ..HostOptions::default()
    };
    let several = Several::start(&postgres.url(&database), vec![options; 3]).await;
    let mail = json!({
        "host": "127.0.0.1", "port": smtp.port(), "tls": "none",
        "from": "Muster <muster@example.org>",
    });
    let _: Value = several.clients[0]
        .send(Method::PUT, "/config/mail", &mail)
        .await;
    connected(&several.clients[0], true).await;
    all_are_clients(&nats).await;

    let traffic = Traffic::start(&several, &[2]);
    let mut invited = Vec::new();
    let first = Lease::of(&postgres, &database);
    for round in ["there", "away", "back"] {
        match round {
            "away" => {
                nats.kill_all();
                connected(&several.clients[0], false).await;
            }
            "back" => {
                nats.begin_all();
                connected(&several.clients[0], true).await;
                all_are_clients(&nats).await;
            }
            _ => {}
        }
        for (place, client) in several.clients.iter().enumerate() {
            let name = format!("{round}-{place}");
            invite(client, &name).await;
            invited.push(name);
        }
        let job: Job = several.clients[1]
            .send(Method::POST, "/blocks/actions/verify", &json!({}))
            .await;
        let job = several.clients[1].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        each_has_one(&smtp, &several.clients[2], &invited).await;
        traffic.acknowledged_by(&ALL, 5).await;
        traffic.served(50).await;
    }
    assert_eq!(
        Lease::of(&postgres, &database),
        first,
        "the bus is no matter of who leads"
    );
    several.push(2, 2).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

/// The password of a bus.
const PASSWORD: &str = "hunter2-of-the-bus";

fn locked() -> Nats {
    Nats::start(NatsOptions {
        login: Some(("muster", PASSWORD)),
        ..NatsOptions::default()
    })
}

fn on(nats: &Nats) -> HostOptions {
    let url = nats.url(&format!("muster:{PASSWORD}"));
    HostOptions {
        env: vec![("MUSTER_BUS_URL".to_owned(), url)],
        ..HostOptions::default()
    }
}

/// Waits until so many hosts are on a bus.
async fn on_it(nats: &Nats, hosts: u64) {
    eventually_within(
        PATIENCE,
        &format!("{hosts} hosts are on a bus"),
        async || (nats.clients().await == hosts).then_some(()),
    )
    .await;
}

/// Makes sure that the password of the bus stands nowhere that anybody could read.
fn is_sealed(host: &Host) {
    assert!(!host.log().contains(PASSWORD));
    for file in ["muster.db", "muster.db-wal"] {
        let bytes = fs::read(host.data_dir().join(file)).unwrap_or_default();
        let mut parts = bytes.windows(PASSWORD.len());
        assert!(!parts.any(|part| part == PASSWORD.as_bytes()), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_the_control_plane_is_on_its_bus_unless_it_was_told_another() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let (shared, other) = (locked(), locked());
    let options = vec![on(&shared), HostOptions::default(), on(&other)];
    let mut several = Several::start(&postgres.url(&database), options).await;
    // The first one has it of its own, the second one was told, the third one has another.
    on_it(&shared, 2).await;
    on_it(&other, 1).await;
    is_sealed(&several.hosts[1]);

    several.hosts[1].stop().await;
    on_it(&shared, 1).await;
    several.hosts[1].start_again();
    several.hosts[1].wait_ready().await;
    on_it(&shared, 2).await;

    let leave = json!({ "control_plane": [Several::name(0), Several::name(2)], "workers": [Several::name(1)] });
    let job: Job = several.clients[0]
        .send(Method::PATCH, "/clusters/several", &leave)
        .await;
    let job = several.clients[0].finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    on_it(&shared, 1).await;
    on_it(&other, 1).await;
    several.hosts[1].stop().await;
    several.hosts[1].start_again();
    several.hosts[1].wait_ready().await;
    on_it(&shared, 1).await;

    let back = json!({ "control_plane": [Several::name(0), Several::name(1), Several::name(2)], "workers": [] });
    let job: Job = several.clients[0]
        .send(Method::PATCH, "/clusters/several", &back)
        .await;
    let job = several.clients[0].finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    on_it(&shared, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_leads_though_the_bus_is_away() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let mut nats = Nats::start(NatsOptions {
        servers: 3,
        ..NatsOptions::default()
    });
    let options = HostOptions {
        env: vec![("MUSTER_BUS_URL".to_owned(), nats.url(""))],
        ..HostOptions::default()
    };
    let mut several = Several::start(&postgres.url(&database), vec![options; 3]).await;
    all_are_clients(&nats).await;
    let leader = several.leader(0).await;
    let others: Vec<usize> = ALL.into_iter().filter(|place| *place != leader).collect();
    let traffic = Traffic::start(&several, &others[1..]);
    traffic.acknowledged_by(&ALL, 5).await;
    let before = Lease::of(&postgres, &database).expect("a host leads");
    nats.kill_all();
    several.hosts[leader].kill();
    eventually("another host leads", async || {
        Lease::of(&postgres, &database).filter(|lease| lease.holder != before.holder)
    })
    .await;
    traffic.acknowledged_by(&others, 5).await;
    nats.begin_all();
    traffic.acknowledged_by(&others, 5).await;
    several.hosts[leader].start_again();
    several.hosts[leader].wait_ready().await;
    traffic.acknowledged(leader, 5).await;
    all_are_clients(&nats).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}
