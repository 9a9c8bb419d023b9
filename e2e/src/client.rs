//! A client of the API, as plain as possible: it is the server that is tested.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use muster_api::{
    blocks::{Digest, FileEntry, MAX_BLOCK, MissingQuery, MissingReply},
    jobs::Job,
    pushes::Push,
    tokens::{TokenReply, TokenRequest},
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::host::{PASSWORD, reqwest_client};

/// How long a job may take; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(180);

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    apps: SocketAddr,
    token: String,
}

impl Client {
    /// Logs in as the admin.
    ///
    /// # Panics
    /// If that fails.
    pub async fn login(url: &str, apps: SocketAddr) -> Self {
        Self::login_as(url, apps, "admin", PASSWORD).await
    }

    /// Logs in as somebody.
    ///
    /// # Panics
    /// If that fails.
    pub async fn login_as(url: &str, apps: SocketAddr, name: &str, password: &str) -> Self {
        let http = reqwest_client();
        let request = TokenRequest {
            grant_type: "password".to_owned(),
            username: Some(name.to_owned()),
            password: Some(password.to_owned()),
            ..TokenRequest::default()
        };
        let reply = http
            .post(format!("{url}/oauth/token"))
            .form(&request)
            .send()
            .await
            .expect("the host answers");
        assert_eq!(reply.status(), StatusCode::OK);
        let tokens: TokenReply = reply.json().await.expect("tokens");
        Self {
            http,
            url: url.to_owned(),
            apps,
            token: tokens.access_token,
        }
    }

    /// The same client with another access token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            ..self.clone()
        }
    }

    /// The access token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Trades a form for tokens.
    ///
    /// # Panics
    /// If the host refuses.
    pub async fn tokens(&self, request: &TokenRequest) -> TokenReply {
        let sent = self.anonymous(Method::POST, "/oauth/token").form(request);
        expect(sent.send().await.expect("the host answers")).await
    }

    /// A client that shows an access key, with an access token that it bought.
    ///
    /// # Panics
    /// If the host refuses.
    pub async fn with_key(&self, id: &str, secret: &str) -> Self {
        let request = TokenRequest {
            grant_type: "client_credentials".to_owned(),
            client_id: Some(id.to_owned()),
            client_secret: Some(secret.to_owned()),
            ..TokenRequest::default()
        };
        self.with_token(self.tokens(&request).await.access_token)
    }

    /// A request to the API, with the token. `path` begins after `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token)
    }

    /// A request with the token, with the whole path.
    pub fn as_is(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    /// A request without the token, with the whole path.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A `GET` that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        expect(
            self.request(Method::GET, path)
                .send()
                .await
                .expect("the host answers"),
        )
        .await
    }

    /// A request with a JSON body that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> T {
        expect(
            self.request(method, path)
                .json(body)
                .send()
                .await
                .expect("the host answers"),
        )
        .await
    }

    /// Uploads what the host lacks of these bytes and gives them a path.
    ///
    /// # Panics
    /// If that fails.
    pub async fn upload(&self, path: &str, bytes: &[u8]) -> FileEntry {
        let chunks: Vec<(Digest, &[u8])> = bytes
            .chunks(MAX_BLOCK)
            .map(|chunk| (digest(chunk), chunk))
            .collect();
        let blocks: Vec<Digest> = chunks.iter().map(|(digest, _)| digest.clone()).collect();
        let query = MissingQuery {
            blocks: blocks.clone(),
        };
        let reply: MissingReply = self.send(Method::POST, "/blocks/missing", &query).await;
        for (digest, chunk) in chunks
            .iter()
            .filter(|(digest, _)| reply.missing.contains(digest))
        {
            let put = self
                .request(Method::PUT, &format!("/blocks/{digest}"))
                .body(chunk.to_vec());
            assert_eq!(
                put.send().await.expect("the host answers").status(),
                StatusCode::NO_CONTENT
            );
        }
        FileEntry {
            path: path.to_owned(),
            size: bytes.len() as u64,
            blocks,
        }
    }

    /// Sends a push and waits for the end of its job, however it ends.
    ///
    /// # Panics
    /// If the push is not accepted.
    pub async fn push(&self, app: &str, push: &Push) -> Job {
        let job: Job = self
            .send(Method::POST, &format!("/apps/{app}/pushes"), push)
            .await;
        self.finished(&job).await
    }

    /// Pushes a component and waits until it serves.
    ///
    /// # Panics
    /// If it does not.
    pub async fn push_component(&self, app: &str, wasm: &[u8]) {
        let push = push_of(vec![self.upload("app.wasm", wasm).await]);
        let job = self.push(app, &push).await;
        assert!(
            job.problem.is_none(),
            "{app}: {:?}\n{}",
            job.problem,
            job.log.join("\n")
        );
    }

    /// Waits for the end of a job.
    ///
    /// # Panics
    /// If it takes too long.
    pub async fn finished(&self, job: &Job) -> Job {
        let deadline = Instant::now() + PATIENCE;
        let mut job = job.clone();
        while !job.state.is_final() {
            assert!(Instant::now() < deadline, "the job does not end: {job:?}");
            job = self
                .get(&format!("/jobs/{}?after_lines={}", job.id, job.log.len()))
                .await;
        }
        job
    }

    /// A request to an app, by host name.
    pub fn app(&self, method: Method, host: &str, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("http://{}{path}", self.apps))
            .header("host", host)
    }

    /// A `GET` to an app: status and body.
    ///
    /// # Panics
    /// If the data path gives no answer.
    pub async fn ask(&self, host: &str, path: &str) -> (StatusCode, String) {
        let response = self
            .app(Method::GET, host, path)
            .send()
            .await
            .expect("the data path answers");
        let status = response.status();
        (status, response.text().await.unwrap_or_default())
    }
}

/// A push of these files that asks for nothing special.
#[must_use]
pub fn push_of(files: Vec<FileEntry>) -> Push {
    Push {
        project: None,
        files,
        ..Push::default()
    }
}

/// The files below a folder, with their paths in it, sorted.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("names are text")
            .to_owned();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            found.push((name, std::fs::read(&path).expect("the file can be read")));
        }
    }
    found.sort();
    found
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

async fn expect<T: DeserializeOwned>(response: Response) -> T {
    let (status, url) = (response.status(), response.url().clone());
    let text = response.text().await.expect("a body");
    assert!(status.is_success(), "{url} answered {status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url} answered {text}: {error}"))
}
