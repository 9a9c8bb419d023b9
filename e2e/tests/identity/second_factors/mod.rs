//! Second factors: what counts at sign-in beside the password, and how it is
//! changed.

mod at_rest;
mod command_line;
mod lockout;
mod pages;
mod passkeys;
mod recovery_codes;
mod totp;

use std::time::{Duration, SystemTime};

use muster_api::{
    factors::{Factors, TotpEnrolment},
    tokens::{OAuthError, TokenReply, TokenRequest},
};
use muster_e2e::{Client, Host, PASSWORD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

/// A host that neither asks for puzzles nor pauses, and the admin, signed in
/// without a second factor.
pub async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client().await;
    set(&client, "captcha", json!({ "provider": "off" })).await;
    let never = json!({ "lockout": { "failures": 0 } });
    set(&client, "passwords", never).await;
    (host, client)
}

/// Sets a section of the configuration.
pub async fn set(client: &Client, section: &str, values: Value) {
    let path = format!("/config/{section}");
    let _: Value = client.send(Method::PUT, &path, &values).await;
}

/// The admin's password as a request, to be changed.
pub fn password() -> TokenRequest {
    TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..TokenRequest::default()
    }
}

/// The same with a code.
pub fn with(code: &str) -> TokenRequest {
    TokenRequest {
        otp: Some(code.to_owned()),
        ..password()
    }
}

/// Asks for tokens.
pub async fn sign_in(client: &Client, request: &TokenRequest) -> Result<TokenReply, OAuthError> {
    let request = client.anonymous(Method::POST, "/oauth/token").form(request);
    let reply = request.send().await.expect("the host answers");
    if reply.status() == StatusCode::OK {
        return Ok(reply.json().await.expect("tokens"));
    }
    let (status, wait) = (reply.status(), reply.headers().get("retry-after").is_some());
    let error: OAuthError = reply.json().await.expect("an OAuth error");
    assert_eq!(
        status == StatusCode::TOO_MANY_REQUESTS,
        error.error == "locked"
    );
    assert_eq!(wait, error.error == "locked", "{error:?}");
    Err(error)
}

/// The error that a sign-in must end with.
pub async fn refused(client: &Client, request: &TokenRequest) -> OAuthError {
    match sign_in(client, request).await {
        Ok(_) => panic!("there should be no tokens"),
        Err(error) => error,
    }
}

/// The admin's second factors.
pub async fn factors(client: &Client) -> Factors {
    client.get("/self/factors").await
}

/// A `POST` that must end with this status.
pub async fn post(client: &Client, path: &str, body: Value, status: u16) -> Value {
    let request = client.request(Method::POST, path).json(&body);
    let reply = request.send().await.expect("the host answers");
    let found = reply.status().as_u16();
    let text = reply.text().await.expect("a body");
    assert_eq!(found, status, "{path}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Somebody's phone.
pub struct App {
    secret: String,
    last: u64,
}

impl App {
    /// A phone that was given this secret.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            last: 0,
        }
    }

    /// What it knows.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// An app that is confirmed for the admin.
    pub async fn confirmed(client: &Client) -> Self {
        let proof = json!({ "password": PASSWORD });
        let enrolment: TotpEnrolment = client
            .send(Method::POST, "/self/factors/totp", &proof)
            .await;
        let mut app = Self::new(enrolment.secret.expose());
        let code = json!({ "code": app.next().await });
        post(client, "/self/factors/totp/actions/confirm", code, 204).await;
        app
    }

    /// A code that is good now and was not shown before. Codes of the step
    /// before and the one after are good, so that there seldom is a wait.
    pub async fn next(&mut self) -> String {
        loop {
            let seconds = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("it is after 1970")
                .as_secs();
            // One that ends soon might be over before it is checked.
            let step = seconds / 30;
            let first = if seconds % 30 < 15 { step - 1 } else { step };
            let next = first.max(self.last + 1);
            if next <= step + 1 {
                self.last = next;
                return self.code(next);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The code that was shown last.
    pub fn again(&self) -> String {
        self.code(self.last)
    }

    /// A code that is not good now.
    pub fn wrong(&self) -> String {
        let good: Vec<_> = (self.last - 5..self.last + 20)
            .map(|step| self.code(step))
            .collect();
        (0..100)
            .map(|number| format!("{number:06}"))
            .find(|code| !good.contains(code))
            .expect("few are good")
    }

    fn code(&self, step: u64) -> String {
        let key = Secret::try_from_base32(&self.secret).expect("base32");
        let app = Builder::new()
            .with_secret(key)
            .with_step_duration(30)
            .with_skew(0)
            .build();
        app.expect("a good secret").generate(step * 30).to_string()
    }
}
