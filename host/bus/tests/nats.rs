//! The bus on real servers of NATS: what they took in is brought, whatever becomes of
//! them.

use std::{collections::BTreeSet, time::Duration};

use muster_bus::{Bus, Channel, Deliveries, Hint};
use muster_e2e::{
    eventually,
    servers::{Nats, NatsOptions},
};
use tokio::time::timeout;
use uuid::Uuid;

/// Generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing comes where nothing is to come.
const QUIET: Duration = Duration::from_secs(2);

const QUEUE: &str = "mails";

fn three() -> Nats {
    Nats::start(NatsOptions {
        servers: 3,
        ..NatsOptions::default()
    })
}

fn connect(nats: &Nats, name: &str) -> (Bus, Channel) {
    let bus = Bus::connect(&nats.url("").parse().expect("a URL"), name);
    let channel = bus.channel(b"a key");
    (bus, channel)
}

/// Puts something into the queue, as soon as somebody takes it in.
async fn carry(channel: &Channel, id: Uuid) {
    eventually("it is carried", async || {
        channel.carry(QUEUE, id, 1).await.ok()
    })
    .await;
}

async fn next(deliveries: &mut Deliveries) -> Uuid {
    let delivery = timeout(PATIENCE, deliveries.next()).await;
    let delivery = delivery.expect("something is brought");
    let id = delivery.id;
    delivery.taken().await;
    id
}

async fn all(deliveries: &mut Deliveries, count: usize) -> BTreeSet<Uuid> {
    let mut all = BTreeSet::new();
    while all.len() < count {
        assert!(all.insert(next(deliveries).await), "it came twice");
    }
    all
}

#[tokio::test]
async fn what_three_servers_took_in_survives_their_restart() {
    let mut nats = three();
    let (_bus, channel) = connect(&nats, "one");
    let first = channel.deliveries(QUEUE);
    let wanted: BTreeSet<_> = (0..20).map(|_| Uuid::now_v7()).collect();
    let mut rest = wanted.iter();
    carry(&channel, *rest.next().expect("there are some")).await;
    drop(first);
    for id in rest {
        carry(&channel, *id).await;
    }
    nats.kill_all();
    let away = channel.carry(QUEUE, Uuid::now_v7(), 1).await;
    assert!(away.is_err());
    nats.begin_all();
    let (_bus, other) = connect(&nats, "another");
    let mut deliveries = other.deliveries(QUEUE);
    // What somebody had in hand comes after a while; nothing comes of its own.
    assert_eq!(all(&mut deliveries, wanted.len()).await, wanted);
    assert!(timeout(QUIET, deliveries.next()).await.is_err());
}

#[tokio::test]
async fn one_server_less_changes_nothing_and_the_same_is_taken_in_once() {
    let mut nats = three();
    let (_bus, channel) = connect(&nats, "one");
    let mut deliveries = channel.deliveries(QUEUE);
    let id = Uuid::now_v7();
    carry(&channel, id).await;
    assert_eq!(next(&mut deliveries).await, id);
    let (mut known, mut again) = (BTreeSet::from([id]), 0);
    for place in 0..3 {
        nats.kill(place);
        let id = Uuid::now_v7();
        for _ in 0..3 {
            carry(&channel, id).await;
        }
        loop {
            let brought = next(&mut deliveries).await;
            if brought == id {
                break;
            }
            assert!(known.contains(&brought), "nobody has sent it");
            again += 1;
        }
        known.insert(id);
        nats.begin_all();
    }
    while let Ok(delivery) = timeout(QUIET, deliveries.next()).await {
        assert!(known.contains(&delivery.id), "nobody has sent it");
        delivery.taken().await;
        again += 1;
    }
    // The server that is killed may not have heard that the last one was taken. Six
    // more have been sent than were to be taken in.
    assert!(again <= 3, "{again} came twice");
}

#[tokio::test]
async fn each_delivery_comes_to_one_of_those_who_listen_and_comes_again_unless_it_is_taken() {
    let nats = Nats::start(NatsOptions::default());
    let ((_one, channel), (_two, other)) = (connect(&nats, "one"), connect(&nats, "two"));
    let mut deliveries = channel.deliveries(QUEUE);
    let id = Uuid::now_v7();
    carry(&channel, id).await;
    let dropped = timeout(PATIENCE, deliveries.next())
        .await
        .expect("it is brought");
    assert_eq!(dropped.id, id);
    drop((dropped, deliveries));
    let mut others = other.deliveries(QUEUE);
    assert_eq!(next(&mut others).await, id);
    let mut strangers = other_group(&nats).deliveries(QUEUE);
    carry(&channel, Uuid::now_v7()).await;
    assert!(timeout(QUIET, strangers.next()).await.is_err());
}

fn other_group(nats: &Nats) -> Channel {
    let bus = Bus::connect(&nats.url("").parse().expect("a URL"), "stranger");
    bus.channel(b"another key")
}

#[tokio::test]
async fn hints_reach_the_others_and_nobody_else() {
    let nats = three();
    let ((_one, channel), (_two, other)) = (connect(&nats, "one"), connect(&nats, "two"));
    let (mut own, mut heard) = (channel.hints("one"), other.hints("two"));
    let mut strange = other_group(&nats).hints("stranger");
    for hint in [Hint::Leads, Hint::Changed, Hint::Free] {
        // Nobody keeps hints for those who are not there yet.
        loop {
            channel.hint(hint, "one").await;
            match timeout(Duration::from_millis(300), heard.next()).await {
                Ok(next) if next == hint => break,
                _ => {}
            }
        }
    }
    assert!(timeout(QUIET, own.next()).await.is_err());
    assert!(timeout(QUIET, strange.next()).await.is_err());
}
