//! A host that is none: it joins a leader with a link token and says hello as a
//! real one does, but runs nothing. A machine holds a thousand of them.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use muster_peering::{
    Anchors, HostKey, Leaf, LinkToken, proof,
    tls::{self, PeerIdentity},
};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use uuid::Uuid;

/// What peers speak inside of TLS.
const ALPN: &[&[u8]] = &[b"muster-peer/1"];
/// The number of the protocol between peers.
const PROTOCOL: u32 = 1;
/// Longer than a leader waits for news to tell.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why something did not go as it should.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A host that has joined.
pub struct SimulatedHost {
    name: String,
    os: String,
    link: Uuid,
    address: String,
    config: ClientConfig,
    have: Option<String>,
}

impl SimulatedHost {
    /// Joins the leader that the token is of, with the operating system that the
    /// leader has.
    ///
    /// # Errors
    /// If the leader does not let it in.
    pub async fn join(token: &str, name: &str, os: &str) -> Result<Self, Failure> {
        let token: LinkToken = token.parse()?;
        let (id, key) = (Uuid::new_v4(), HostKey::generate()?);
        let csr = key.csr(id)?;
        let address = token.addresses[0].clone();
        let config = tls::joiner_config(&token.pins, ALPN)?;
        let stream = connect(&address, config).await?;
        let connection = stream.get_ref().1;
        let leader = PeerIdentity::of(connection)?.ok_or("the leader shows no certificate")?;
        let proof = proof::prove(&token.secret, &tls::exporter(connection)?, &csr);
        let ask = json!({
            "link": token.id,
            "proof": BASE64_STANDARD.encode(proof),
            "csr": BASE64_STANDARD.encode(&csr),
            "facts": {
                "version": env!("CARGO_PKG_VERSION"),
                "protocol": PROTOCOL,
                "mode": "agent",
                "os": os,
                "multi_node": true,
                "workloads": 0,
                "host": id,
                "fingerprint": key.fingerprint(),
            },
            "name": name,
            "about": about(os),
        });
        let asked = post(stream, "/peer/v1/ask", &ask).await?;
        let welcome = &asked["welcome"];
        let (Some(leaf), Some(anchors)) = (welcome["leaf"].as_str(), welcome["anchors"].as_str())
        else {
            return Err(format!("{name} was not let in: {asked}").into());
        };
        let (leaf, anchors) = (Leaf::from_pem(leaf)?, Anchors::from_pem(anchors)?);
        let this = Self {
            name: name.to_owned(),
            os: os.to_owned(),
            link: token.id,
            address,
            config: tls::leader_config(&leaf, &key, &anchors, &leader, ALPN)?,
            have: None,
        };
        this.say("confirm").await?;
        Ok(this)
    }

    /// Says hello, and tells how long the answer took.
    ///
    /// # Errors
    /// If the leader does not count it among its members.
    pub async fn hello(&self) -> Result<Duration, Failure> {
        let began = Instant::now();
        self.say("hello").await?;
        Ok(began.elapsed())
    }

    /// Waits for news of the group, at most as long as the leader lets it wait.
    ///
    /// # Errors
    /// If the leader gives no answer.
    pub async fn listen(&mut self) -> Result<(), Failure> {
        let stream = connect(&self.address, self.config.clone()).await?;
        let told = post(stream, "/peer/v1/state", &json!({ "have": self.have })).await?;
        if let Some(digest) = told["news"]["digest"].as_str() {
            self.have = Some(digest.to_owned());
        }
        Ok(())
    }

    /// The same host, to listen while it says hello.
    #[must_use]
    pub fn ear(&self) -> Self {
        Self {
            name: self.name.clone(),
            os: self.os.clone(),
            link: self.link,
            address: self.address.clone(),
            config: self.config.clone(),
            have: None,
        }
    }

    async fn say(&self, request: &str) -> Result<(), Failure> {
        let say = json!({
            "link": self.link,
            "request": request,
            "name": self.name,
            "about": about(&self.os),
            "instances": [],
        });
        let stream = connect(&self.address, self.config.clone()).await?;
        let said = post(stream, "/peer/v1/say", &say).await?;
        match said["reply"] == "member" {
            true => Ok(()),
            false => Err(format!("{} is told {}", self.name, said["reply"]).into()),
        }
    }
}

fn about(os: &str) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": "agent",
        "os": os,
        // Nobody is there, and nobody has a reason to look.
        "addresses": ["127.0.0.1:9"],
        "generation": 1,
        "roles": [],
        "workloads": 0,
        "clock_offset_ms": 0,
    })
}

async fn connect(address: &str, config: ClientConfig) -> Result<TlsStream<TcpStream>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector
        .connect(tls::server_name(Uuid::nil()), stream)
        .await?)
}

async fn post(stream: TlsStream<TcpStream>, path: &str, body: &Value) -> Result<Value, Failure> {
    let asked = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::post(path)
            .header("host", "peer")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let told = response.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK {
            let told = String::from_utf8_lossy(&told);
            return Err(format!("{path} answers {status}: {told}").into());
        }
        Ok(serde_json::from_slice(&told)?)
    };
    timeout(PATIENCE, asked).await?
}
