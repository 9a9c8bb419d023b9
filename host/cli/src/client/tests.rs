//! The client against a small host of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Form, Json, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use muster_api::{
    logs::LogQuery,
    tokens::{TokenReply, TokenRequest},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;

use super::{
    Client, ClientError, Transport,
    credentials::{Credentials, Login},
};
use crate::{
    contexts::{Context, ContextStore, Tokens},
    failure::{Exit, Failure},
};

/// Tokens are numbers; only the latest pair is good.
#[derive(Clone, Default)]
struct Host {
    latest: Arc<AtomicU32>,
    streams: Arc<AtomicU32>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Host {
    async fn start(self) -> String {
        let routes = Router::new()
            .route("/routes", get(Self::pages))
            .route("/apps/{app}", get(Self::app))
            .route("/apps/{app}/pushes", post(Self::push))
            .route("/apps/{app}/logs", get(Self::logs))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/oauth/token", post(Self::tokens))
            .with_state(self)
            .nest("/api/v1", routes);
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    async fn tokens(State(host): State<Self>, Form(request): Form<TokenRequest>) -> Response {
        assert_eq!(request.grant_type, "refresh_token");
        let used: u32 = request.refresh_token.unwrap().parse().unwrap();
        if host
            .latest
            .compare_exchange(used, used + 1, Ordering::SeqCst, Ordering::SeqCst)
            .is_err()
        {
            let error = json!({ "error": "invalid_grant" });
            return (StatusCode::BAD_REQUEST, Json(error)).into_response();
        }
        Json(TokenReply {
            access_token: (used + 1).to_string(),
            token_type: "Bearer".to_owned(),
            expires_in: 600,
            refresh_token: Some((used + 1).to_string()),
            scope: None,
        })
        .into_response()
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let expected = format!("Bearer {}", self.latest.load(Ordering::SeqCst));
        let sent = headers.get(header::AUTHORIZATION);
        let accepted = sent.is_some_and(|sent| sent.as_bytes() == expected.as_bytes());
        (!accepted).then(|| problem(401, "token-expired"))
    }

    async fn pages(
        State(host): State<Self>,
        headers: HeaderMap,
        Query(query): Query<HashMap<String, String>>,
    ) -> Response {
        if let Some(refusal) = host.refusal(&headers) {
            return refusal;
        }
        let page: u32 = query
            .get("cursor")
            .map_or(0, |cursor| cursor.parse().unwrap());
        let route = json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "host": format!("{page}.example"),
            "path": "/", "sticky": false, "url": null,
            "action": { "kind": "forward", "targets": [] },
        });
        let next = (page < 2).then(|| (page + 1).to_string());
        Json(json!({ "items": [route], "next": next })).into_response()
    }

    async fn app(Path(app): Path<String>) -> Response {
        match app.as_str() {
            "broken" => (StatusCode::BAD_GATEWAY, "no").into_response(),
            "odd" => Json(json!({ "name": 7 })).into_response(),
            "moved" => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
            "closed" => problem(403, "forbidden"),
            _ => problem(404, "app-not-found"),
        }
    }

    /// Breaks the connection off before the first answer, as a host does that
    /// ends; then knows the request by its key.
    async fn push(State(host): State<Self>, headers: HeaderMap) -> Response {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let mut keys = host.keys.lock().unwrap();
        keys.push(key);
        match keys.len() {
            1 => {
                let broken = futures::stream::iter([Err::<String, _>("gone")]);
                Body::from_stream(broken).into_response()
            }
            2 => problem(409, "idempotency-in-progress"),
            _ => Json(json!({
                "id": "01890a5d-ac96-774b-bcce-b302099a8057", "kind": "push", "subject": "a",
                "state": "queued", "step": "", "log": [], "created_at": "2026-03-01T11:59:20Z",
            }))
            .into_response(),
        }
    }

    /// The first stream breaks off after two lines, the second begins anew.
    async fn logs(State(host): State<Self>) -> Response {
        let upto = match host.streams.fetch_add(1, Ordering::SeqCst) {
            0 => 2,
            1 => 3,
            _ => return problem(404, "app-not-found"),
        };
        let event = |number: u32| {
            let line = json!({
                "sequence": number, "time": format!("2026-03-01T11:00:0{number}Z"),
                "source": "stdout", "app": "a", "message": format!("line {number}"),
            });
            format!(": alive\n\nevent: line\nid: {number}\ndata: {line}\n\n")
        };
        let stream: String = (1..=upto).map(event).collect();
        ([(header::CONTENT_TYPE, "text/event-stream")], stream).into_response()
    }
}

fn problem(status: u16, code: &str) -> Response {
    let body: Value = json!({ "code": code, "status": status, "title": "No" });
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

/// A context whose tokens have the given number and lifetime.
struct Kept {
    store: ContextStore,
    url: String,
    tokens: Tokens,
    _directory: tempfile::TempDir,
}

impl Kept {
    fn new(url: &str, number: u32, lifetime: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = ContextStore::at(directory.path().join("muster"));
        let tokens = Tokens {
            access: number.to_string(),
            expires_at: OffsetDateTime::now_utc() + lifetime,
            refresh: number.to_string(),
        };
        let kept = Self {
            store,
            url: url.to_owned(),
            tokens,
            _directory: directory,
        };
        kept.keep();
        kept
    }

    /// Stores the tokens as they are now.
    fn keep(&self) {
        let context = Context {
            url: self.url.clone(),
            user: "admin".to_owned(),
            tokens: Some(self.tokens.clone()),
            data_dir: None,
        };
        self.store
            .change(|contexts| {
                contexts.contexts.insert("here".to_owned(), context);
                Ok(())
            })
            .unwrap();
    }

    /// A client as one more process would make it.
    fn client(&self) -> Client {
        let tokens = self.tokens.clone();
        let login = Login::new(self.store.clone(), "here", "admin", &self.url, tokens);
        Client::new(
            Transport::new(&self.url).unwrap(),
            Credentials::Login(Box::new(login)),
        )
    }

    fn stored(&self) -> String {
        let contexts = self.store.read().unwrap();
        contexts.contexts["here"]
            .tokens
            .as_ref()
            .unwrap()
            .refresh
            .clone()
    }
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let kept = Kept::new(&Host::default().start().await, 0, Duration::hours(1));
    let routes = kept.client().routes().await.unwrap();
    let hosts: Vec<_> = routes
        .items
        .iter()
        .map(|route| route.host.as_str())
        .collect();
    assert_eq!(hosts, ["0.example", "1.example", "2.example"]);
    assert_eq!(kept.stored(), "0");
}

#[tokio::test]
async fn a_stale_token_is_renewed_and_the_new_one_kept() {
    let kept = Kept::new(&Host::default().start().await, 0, Duration::seconds(-1));
    kept.client().routes().await.unwrap();
    assert_eq!(kept.stored(), "1");
}

#[tokio::test]
async fn a_refused_token_is_renewed_too() {
    let mut kept = Kept::new(&Host::default().start().await, 0, Duration::hours(1));
    kept.tokens.access = "withdrawn".to_owned();
    kept.keep();
    kept.client().routes().await.unwrap();
    assert_eq!(kept.stored(), "1");
}

#[tokio::test]
async fn what_another_process_has_renewed_is_taken_over() {
    let host = Host::default();
    let mut kept = Kept::new(&host.clone().start().await, 0, Duration::hours(1));
    let client = kept.client();
    host.latest.store(1, Ordering::SeqCst);
    kept.tokens.access = "1".to_owned();
    kept.tokens.refresh = "1".to_owned();
    kept.keep();
    client.routes().await.unwrap();
    assert_eq!(
        (kept.stored().as_str(), host.latest.load(Ordering::SeqCst)),
        ("1", 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_use_a_refresh_token_once() {
    let host = Host::default();
    let kept = Kept::new(&host.clone().start().await, 0, Duration::seconds(-1));
    let clients: Vec<Client> = (0..8).map(|_| kept.client()).collect();
    let calls = clients.iter().map(|client| client.routes());
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(
        (kept.stored().as_str(), host.latest.load(Ordering::SeqCst)),
        ("1", 1)
    );
}

#[tokio::test]
async fn an_ended_login_says_how_to_log_in_again() {
    let host = Host::default();
    host.latest.store(9, Ordering::SeqCst);
    let kept = Kept::new(&host.start().await, 0, Duration::seconds(-1));
    let failure = Failure::from(kept.client().routes().await.unwrap_err());
    assert_eq!(failure.exit, Exit::Forbidden);
    let login = format!(
        "`muster login --url {} --user admin --context here`",
        kept.url
    );
    assert!(failure.text().contains(&login), "{}", failure.text());
    assert_eq!(kept.stored(), "0");
}

#[tokio::test]
async fn a_token_of_the_environment_is_not_renewed() {
    let url = Host::default().start().await;
    let client = Client::new(
        Transport::new(&url).unwrap(),
        Credentials::Fixed("old".to_owned()),
    );
    let error = client.routes().await.unwrap_err();
    assert!(matches!(error, ClientError::TokenRefused { .. }), "{error}");
}

#[tokio::test]
async fn answers_become_exit_codes() {
    let kept = Kept::new(&Host::default().start().await, 0, Duration::hours(1));
    let client = kept.client();
    for (app, exit) in [
        ("gone", Exit::NotFound),
        ("closed", Exit::Forbidden),
        ("broken", Exit::Failure),
        ("odd", Exit::Failure),
        ("moved", Exit::Failure),
    ] {
        let error = client.app(app).await.unwrap_err();
        assert_eq!(error.is_transient(), app == "broken", "{app}");
        assert_eq!(Failure::from(error).exit, exit, "{app}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let kept = Kept::new(&format!("http://{free}"), 0, Duration::hours(1));
    let error = kept.client().app("a").await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(Failure::from(error).exit, Exit::Unreachable);
}

#[tokio::test]
async fn followed_lines_come_once_each_over_a_broken_connection() {
    let kept = Kept::new(&Host::default().start().await, 0, Duration::hours(1));
    let client = kept.client();
    let mut follow = client.follow_logs("a", LogQuery::default());
    let mut lines = Vec::new();
    let error = loop {
        match follow.next().await {
            Ok(super::Heard::Line(line)) => lines.push(line.message),
            Ok(super::Heard::Gap(gap)) => panic!("nothing is missing: {gap:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(lines, ["line 1", "line 2", "line 3"]);
    assert!(error.has_code("app-not-found"), "{error}");
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_asked_for_again_under_its_key() {
    let host = Host::default();
    let keys = Arc::clone(&host.keys);
    let kept = Kept::new(&host.start().await, 0, Duration::hours(1));
    let push = muster_api::pushes::Push::default();
    let job = kept.client().push("a", &push).await.unwrap();
    assert_eq!(job.subject, "a");
    let seen = keys.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|key| *key == seen[0]), "{seen:?}");
    kept.client().push("a", &push).await.unwrap();
    assert_ne!(keys.lock().unwrap()[3], seen[0]);
}
