//! Requests that apps send: denied unless the settings name the host, and denied
//! into networks that are not public unless those are granted too. What is
//! denied is denied before anything is sent.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use muster_api::{logs::LogSource, pushes::SettingsChange};
use muster_e2e::{Client, guest, host_with_neighbour, logged, push_with};
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Something on this machine that apps could reach, and how often it was.
struct Target {
    port: u16,
    reached: Arc<AtomicU32>,
}

impl Target {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let reached = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reached);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("somebody comes");
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 7\r\nconnection: close\r\n\r\nshort\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        Self { port, reached }
    }

    fn reached(&self) -> u32 {
        self.reached.load(Ordering::Relaxed)
    }
}

/// Lets the hostile guest reach these hosts and networks, and no others.
async fn grant(client: &Client, hosts: &[&str], networks: &[&str]) {
    let owned = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let settings = SettingsChange {
        allow_outbound: owned(hosts),
        allow_private: owned(networks),
        ..SettingsChange::default()
    };
    push_with(client, "hostile", &guest("hostile"), settings).await;
}

/// Has the guest get an address and relay what came.
async fn fetch(client: &Client, url: &str) -> (StatusCode, Option<String>, String) {
    let request = client.app(Method::GET, "hostile.localhost", "/fetch");
    let response = request.query(&[("url", url)]).send().await;
    let response = response.expect("the data path answers");
    let status = response.status();
    let relayed = response.headers().get("x-status").map(|value| {
        let text = value.to_str().expect("a number");
        text.to_owned()
    });
    (status, relayed, response.text().await.expect("a body"))
}

/// The guest must be denied an address for this reason.
async fn denied(client: &Client, url: &str, why: &str) {
    let (status, _, body) = fetch(client, url).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{url}: {body}");
    assert!(body.contains(why), "{url}: {body}");
}

#[tokio::test]
async fn what_is_not_granted_is_denied_with_advice() {
    let (_host, client) = host_with_neighbour().await;
    let target = Target::start().await;
    let authority = format!("127.0.0.1:{}", target.port);
    let url = format!("http://{authority}/");
    client.push_component("hostile", &guest("hostile")).await;

    denied(&client, &url, "HttpRequestDenied").await;
    let advice = format!("grant it with allow_outbound = [\"{authority}\"]");
    logged(
        &client,
        "hostile",
        LogSource::Stderr,
        &[&authority, &advice],
    )
    .await;

    grant(&client, &[&authority], &[]).await;
    denied(&client, &url, "DestinationIpProhibited").await;
    let advice = "lies in a private network; grant it with allow_private";
    logged(&client, "hostile", LogSource::Stderr, &[&authority, advice]).await;
    assert_eq!(target.reached(), 0, "something was sent");

    grant(&client, &[&authority], &["127.0.0.0/8"]).await;
    let (status, relayed, body) = fetch(&client, &url).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(
        (relayed.as_deref(), body.as_str()),
        (Some("418"), "short\r\n")
    );
    assert_eq!(target.reached(), 1);
    // The grant is for that port.
    let other = Target::start().await;
    let url = format!("http://127.0.0.1:{}/", other.port);
    denied(&client, &url, "HttpRequestDenied").await;
    assert_eq!(other.reached(), 0, "something was sent");
}

#[tokio::test]
async fn no_spelling_of_this_machine_gets_past_the_grants() {
    let (_host, client) = host_with_neighbour().await;
    let target = Target::start().await;
    let port = target.port;
    grant(&client, &["*", &format!("*:{port}")], &["10.0.0.0/8"]).await;
    for name in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "localhost",
        "LOCALHOST",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
    ] {
        let url = format!("http://{name}:{port}/");
        denied(&client, &url, "DestinationIpProhibited").await;
    }
    assert_eq!(target.reached(), 0, "something was sent");
    // The names were all allowed: it is the network that is missing.
    grant(&client, &[&format!("*:{port}")], &["127.0.0.0/8"]).await;
    let (status, _, body) = fetch(&client, &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(target.reached(), 1);
}

#[tokio::test]
async fn the_metadata_of_clouds_is_out_of_reach() {
    let (_host, client) = host_with_neighbour().await;
    grant(&client, &["*"], &[]).await;
    // This answer, and not one about connections, says that nothing was sent.
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://[fe80::1]/",
        "http://10.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
    ] {
        denied(&client, url, "DestinationIpProhibited").await;
    }
}
