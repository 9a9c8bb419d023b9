//! Guests that make trouble, and an app next door that must not notice.

use std::cell::Cell;

use muster_api::{
    logs::LogSource,
    pushes::{LimitsChange, Push, SettingsChange},
};
use reqwest::{Method, Response, StatusCode};

use crate::{
    client::{Client, push_of},
    guests::guest,
    host::Host,
    logs::logged,
    refusal::refused,
};

/// A host with a well-behaved app, `hello`.
pub async fn host_with_neighbour() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    (host, client)
}

/// Pushes a component with these limits.
///
/// # Panics
/// If it does not serve.
pub async fn push_limited(client: &Client, app: &str, wasm: &[u8], limits: LimitsChange) {
    let settings = SettingsChange {
        limits,
        ..SettingsChange::default()
    };
    push_with(client, app, wasm, settings).await;
}

/// Pushes a component with these settings.
///
/// # Panics
/// If it does not serve.
pub async fn push_with(client: &Client, app: &str, wasm: &[u8], settings: SettingsChange) {
    let push = Push {
        settings,
        ..push_of(vec![client.upload("app.wasm", wasm).await])
    };
    let job = client.push(app, &push).await;
    assert!(job.problem.is_none(), "{app}: {:?}", job.problem);
}

/// Makes trouble while `hello` is asked all the time and has to answer right.
/// Says how often it did.
///
/// # Panics
/// If it answers wrong, or not at all.
pub async fn beside<T>(client: &Client, trouble: impl Future<Output = T>) -> (T, u32) {
    let over = Cell::new(false);
    let trouble = async {
        let outcome = trouble.await;
        over.set(true);
        outcome
    };
    let neighbour = async {
        let mut answers = 0;
        while !over.get() {
            let answer = client.ask("hello.localhost", "/").await;
            assert_eq!(answer, (StatusCode::OK, "Hello from Muster!\n".to_owned()));
            answers += 1;
        }
        answers
    };
    tokio::join!(trouble, neighbour)
}

/// A failure as the client and the app's owner must see it.
pub struct Failure {
    /// What the client gets.
    pub status: u16,
    /// The problem's code.
    pub code: &'static str,
    /// What the app's log says, beside the app's name.
    pub told: &'static str,
}

impl Failure {
    /// Asks an app for this failure, beside a neighbour.
    ///
    /// # Panics
    /// If it is not what comes of it.
    pub async fn of(&self, client: &Client, app: &str, path: &str) {
        let request = client.app(Method::GET, &format!("{app}.localhost"), path);
        let (response, answers) = beside(client, request.send()).await;
        assert!(answers > 0, "the neighbour was not asked");
        let response = response.expect("the data path answers");
        self.seen(client, app, response).await;
    }

    /// Checks that a response is this failure, and that the log says so under
    /// the request's id.
    ///
    /// # Panics
    /// If it is not.
    pub async fn seen(&self, client: &Client, app: &str, response: Response) {
        let again = response.headers().get("retry-after").cloned();
        let problem = refused(response, self.status, self.code).await;
        assert_eq!(again.is_some(), self.status == 503, "{again:?}");
        let line = logged(client, app, LogSource::Platform, &[app, self.told]).await;
        assert_eq!(line.request, problem.request_id, "{line:?}");
    }
}

/// Checks that the hostile or another counting guest answers as if nothing had
/// ever happened.
///
/// # Panics
/// If it does not.
pub async fn unharmed(client: &Client, app: &str) {
    let (status, body) = client.ask(&format!("{app}.localhost"), "/count").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "1\n"));
}
