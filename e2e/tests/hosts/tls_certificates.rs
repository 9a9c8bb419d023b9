//! Certificates by which load balancers end TLS.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Method;
use muster_api::{certificates::Certificate, page::Page, plan::Plan};
use muster_e2e::{
    Client, balanced_group, eventually, guest, only_field, refuse, servers::Authority, tls_client,
};
use reqwest::{Response, StatusCode, tls::TlsInfo};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

const APP: &str = "shop.localhost";

async fn put(leader: &Client, name: &str, body: &Value) -> Certificate {
    let path = format!("/certificates/{name}");
    leader.send(Method::PUT, &path, body).await
}

/// Which certificate an answer came under, by its hash.
fn shown(response: &Response) -> String {
    let info = response.extensions().get::<TlsInfo>().expect("it was TLS");
    let certificate = info.peer_certificate().expect("a certificate");
    Sha256::digest(certificate)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The certificate that a name gets.
async fn fingerprint(name: &str, at: SocketAddr) -> String {
    let client = tls_client(name, at).tls_danger_accept_invalid_certs(true);
    let client = client.build().expect("a client");
    let url = format!("https://{name}:{}/", at.port());
    shown(&client.get(url).send().await.expect("an answer"))
}

async fn gets(name: &str, at: SocketAddr, expected: &str) {
    eventually(&format!("{name} gets {expected}"), async || {
        (fingerprint(name, at).await == expected).then_some(())
    })
    .await;
}

/// Asks for the app by TLS again and again; gives what failed, and how often each
/// certificate was seen.
fn traffic(
    at: SocketAddr,
    running: &Arc<AtomicBool>,
    answered: &Arc<AtomicU64>,
) -> JoinHandle<(Vec<String>, BTreeMap<String, u64>)> {
    let (running, answered) = (Arc::clone(running), Arc::clone(answered));
    tokio::spawn(async move {
        let (mut failed, mut seen) = (Vec::new(), BTreeMap::new());
        while running.load(Ordering::Relaxed) {
            let url = format!("https://{APP}:{}/", at.port());
            // One that has been here before would go on with what it was shown.
            let client = tls_client(APP, at).tls_danger_accept_invalid_certs(true);
            let client = client.build().expect("a client");
            match client.get(url).send().await {
                Ok(response) if response.status() == StatusCode::OK => {
                    *seen.entry(shown(&response)).or_default() += 1;
                    answered.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = response.bytes().await {
                        failed.push(error.to_string());
                    }
                }
                Ok(response) => failed.push(response.status().to_string()),
                Err(error) => failed.push(format!("{error:?}")),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (failed, seen)
    })
}

#[tokio::test]
async fn names_get_their_certificates_and_replacing_one_costs_nothing() {
    let ((_north, leader), (_south, south), mut edge) = balanced_group().await;
    leader.push_component("shop", &guest("hello")).await;
    for client in [&leader, &south] {
        eventually("the router knows the app", async || {
            (client.ask(APP, "/").await.0 == StatusCode::OK).then_some(())
        })
        .await;
    }
    // Before there is any, clients get one that nobody believes.
    let made_there = fingerprint(APP, edge.tls).await;

    let first = put(&leader, "shop", &json!({ "self_made_for": [APP] })).await;
    assert_eq!(
        (first.hosts.as_slice(), first.self_signed),
        (&[APP.to_owned()][..], true)
    );
    let wild = put(
        &leader,
        "wild",
        &json!({ "self_made_for": ["*.localhost"] }),
    )
    .await;
    gets(APP, edge.tls, &first.fingerprint).await;
    gets("other.localhost", edge.tls, &wild.fingerprint).await;
    assert_eq!(fingerprint("else.test", edge.tls).await, made_there);
    let other = put(&leader, "default", &json!({ "self_made_for": ["x.test"] })).await;
    gets("else.test", edge.tls, &other.fingerprint).await;

    // One is replaced, while clients come.
    let running = Arc::new(AtomicBool::new(true));
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..3)
        .map(|_| traffic(edge.tls, &running, &answered))
        .collect();
    // Enough for each client to have had some.
    let more = async || {
        let enough = answered.load(Ordering::Relaxed) + 60;
        eventually("more answers", async || {
            (answered.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    };
    more().await;
    let second = put(&leader, "shop", &json!({ "self_made_for": [APP] })).await;
    assert_ne!(first.fingerprint, second.fingerprint);
    gets(APP, edge.tls, &second.fingerprint).await;
    more().await;
    running.store(false, Ordering::Relaxed);
    for client in clients {
        let (failed, seen) = client.await.expect("clients do not panic");
        assert!(failed.is_empty(), "{failed:#?}");
        let known = [&first.fingerprint, &second.fingerprint];
        assert!(known.iter().all(|it| seen.contains_key(*it)), "{seen:?}");
        assert_eq!(seen.len(), 2, "{seen:?}");
    }

    // An uploaded one is believed by who believes its authority.
    let authority = Authority::new();
    let issued = authority.issue();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a file of openssl's");
    let (certificate, key) = (read(&issued.certificate), read(&issued.key));
    let upload = json!({ "certificate": certificate, "key": key });
    let uploaded = put(&leader, "local", &upload).await;
    assert_eq!(uploaded.hosts, ["localhost"]);
    assert!(!uploaded.self_signed);
    gets("localhost", edge.tls, &uploaded.fingerprint).await;
    let root = reqwest::Certificate::from_pem(read(authority.file().as_ref()).as_bytes());
    let client = tls_client("localhost", edge.tls)
        .tls_certs_only([root.expect("a certificate")])
        .build()
        .expect("a client");
    let url = format!("https://localhost:{}/", edge.tls.port());
    let answer = client.get(url).header("host", APP).send().await;
    assert_eq!(answer.expect("it is believed").status(), StatusCode::OK);

    // What a load balancer was told, it knows after a start of its own.
    edge.host.kill_and_restart();
    edge.host.wait_ready().await;
    gets(APP, edge.tls, &second.fingerprint).await;

    let gone: Plan = leader
        .send(Method::DELETE, "/certificates/shop", &json!({}))
        .await;
    assert!(gone.done);
    gets(APP, edge.tls, &wild.fingerprint).await;
    let left: Page<Certificate> = leader.get("/certificates").await;
    let names: Vec<_> = left.items.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["default", "local", "wild"]);

    // Those that are no load balancers are told nothing of them.
    let known: Page<Certificate> = south.get("/certificates").await;
    assert!(known.items.is_empty());
    let known: Page<Certificate> = edge.client.get("/certificates").await;
    assert_eq!(known.items.len(), 3);
    let following = edge.client.request(Method::PUT, "/certificates/shop");
    refuse(following.json(&upload), 409, "host-follows").await;
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
    let (_host, client) = muster_e2e::named_host("north").await;
    let authority = Authority::new();
    let issued = authority.issue();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a file of openssl's");
    let (certificate, key) = (read(&issued.certificate), read(&issued.key));
    let authoritys = read(authority.file().as_ref());
    for (body, field) in [
        (json!({}), "certificate"),
        (json!({ "certificate": certificate }), "key"),
        (json!({ "key": key }), "certificate"),
        (json!({ "certificate": "PEM?", "key": key }), "certificate"),
        (json!({ "certificate": certificate, "key": "PEM?" }), "key"),
        (
            json!({ "certificate": authoritys, "key": key }),
            "certificate",
        ),
        (json!({ "self_made_for": ["no host"] }), "self_made_for"),
        (
            json!({ "certificate": certificate, "key": key, "self_made_for": ["a.test"] }),
            "self_made_for",
        ),
    ] {
        let put = client
            .request(Method::PUT, "/certificates/shop")
            .json(&body);
        let problem = refuse(put, 422, "invalid-request").await;
        assert_eq!(only_field(&problem), field, "{body}");
    }
    // A dry run changes nothing.
    let plan: Plan = client
        .send(
            Method::PUT,
            "/certificates/shop?dry_run=true",
            &json!({ "certificate": certificate, "key": key }),
        )
        .await;
    assert!(!plan.done && plan.changes.len() == 1, "{plan:?}");
    let all: Page<Certificate> = client.get("/certificates").await;
    assert!(all.items.is_empty());
    refuse(
        client.request(Method::GET, "/certificates/shop"),
        404,
        "certificate-not-found",
    )
    .await;
    // Keys are nowhere to be seen.
    let upload = json!({ "certificate": certificate, "key": key });
    let _ = put(&client, "shop", &upload).await;
    let secret = key.lines().nth(1).expect("a key has lines");
    for path in ["/certificates/shop", "/certificates", "/audit"] {
        let answer = client.request(Method::GET, path).send().await;
        let text = answer.expect("an answer").text().await.expect("text");
        assert!(!text.contains(secret), "{path}");
    }
}
