//! The database and the bus over TLS: a server of the right authority is trusted, and
//! another one is not, which is said.

use std::time::Duration;

use muster_api::queues::Bus;
use muster_e2e::{
    Host, HostOptions, eventually, refuse_to_serve,
    servers::{Authority, Nats, NatsOptions, Postgres},
};

fn with(name: &str, value: String) -> HostOptions {
    HostOptions {
        env: vec![(name.to_owned(), value)],
        ..HostOptions::default()
    }
}

#[tokio::test]
async fn only_a_database_of_the_right_authority_is_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let postgres = Postgres::with_tls(&authority.issue());
    let url = postgres.url(&postgres.database());
    let trusting = |authority: &Authority| {
        format!("{url}?sslmode=verify-full&sslrootcert={}", authority.file())
    };
    let wrong = trusting(&stranger);
    let refusal = refuse_to_serve(&["--database-url", &wrong], &[]).await;
    assert!(refusal.told.contains("certificate"), "{}", refusal.told);
    assert!(!refusal.told.contains("p%40ss"), "{}", refusal.told);

    let host = Host::start_with(with("MUSTER_DATABASE_URL", trusting(&authority))).await;
    let bus: Bus = host.client().await.get("/bus").await;
    assert!(bus.connected);
}

#[tokio::test]
async fn only_a_bus_of_the_right_authority_is_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificate = authority.issue();
    let nats = Nats::start(NatsOptions {
        tls: Some(&certificate),
        ..NatsOptions::default()
    });
    let trusting = |authority: &Authority| format!("{}?ca={}", nats.url(""), authority.file());
    let host = Host::start_with(with("MUSTER_BUS_URL", trusting(&stranger))).await;
    let client = host.client().await;
    let bus = eventually("it was tried", async || {
        let bus: Bus = client.get("/bus").await;
        bus.problem.is_some().then_some(bus)
    })
    .await;
    assert!(!bus.connected, "{bus:?}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let bus: Bus = client.get("/bus").await;
    let why = bus.problem.clone().unwrap_or_default();
    assert!(!bus.connected && why.contains("certificate"), "{bus:?}");

    let host = Host::start_with(with("MUSTER_BUS_URL", trusting(&authority))).await;
    let client = host.client().await;
    eventually("it is connected", async || {
        let bus: Bus = client.get("/bus").await;
        bus.connected.then_some(())
    })
    .await;
}
