//! Services that look at browsers: reCAPTCHA, hCaptcha, Turnstile and whatever
//! else speaks their protocol. The browser gets a response from the service;
//! the server asks the service whether that is good.

use std::{net::IpAddr, sync::Arc, time::Duration};

use muster_api::{captcha::CaptchaChallenge, config::captcha::Siteverify as Settings};
use reqwest::{Client, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::CaptchaError;

/// Responses of the services are below 4 KiB.
const MAX_PROOF: usize = 16 << 10;
/// Answers of the services are below 1 KiB.
const MAX_ANSWER: usize = 64 << 10;

/// A service, as configured.
#[derive(Debug)]
pub struct Siteverify {
    settings: Settings,
    url: Url,
    http: Client,
}

/// What all of them answer.
#[derive(Deserialize)]
struct Answer {
    success: bool,
    hostname: Option<String>,
    action: Option<String>,
    score: Option<f64>,
    #[serde(default, rename = "error-codes")]
    errors: Vec<String>,
}

impl Siteverify {
    /// Connects on the first check.
    ///
    /// # Errors
    ///
    /// [`CaptchaError::Configuration`].
    pub fn new(settings: &Settings) -> Result<Self, CaptchaError> {
        let service = settings.service.verify_url();
        let url = settings.url.as_deref().unwrap_or(service);
        let url = Url::parse(url)
            .map_err(|error| CaptchaError::Configuration(format!("'{url}': {error}")))?;
        let failed = |error: &dyn std::fmt::Display| CaptchaError::Configuration(error.to_string());
        let mut http = Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls().map_err(|error| failed(&error))?)
            .timeout(Duration::from(settings.timeout))
            // The secret goes where it was configured to go.
            .redirect(redirect::Policy::none());
        if is_loopback(&url) {
            // A proxy would look for the service on its own machine.
            http = http.no_proxy();
        }
        Ok(Self {
            settings: settings.clone(),
            url,
            http: http.build().map_err(|error| failed(&error))?,
        })
    }

    /// What a page must show.
    pub fn challenge(&self) -> CaptchaChallenge {
        let service = self.settings.service;
        CaptchaChallenge::Siteverify {
            service,
            site_key: self.settings.site_key.clone(),
            script_url: service.script_url().to_owned(),
            widget_class: service.widget_class().to_owned(),
            action: self.settings.action.clone(),
        }
    }

    /// Asks the service about a response.
    ///
    /// # Errors
    ///
    /// Unless the service says that it is good and it is for this site and
    /// action; also if the service gives no answer, or one that cannot be
    /// understood.
    pub async fn verify(&self, proof: &str, from: Option<IpAddr>) -> Result<(), CaptchaError> {
        if proof.len() > MAX_PROOF {
            return Err(CaptchaError::Wrong("it is too long".to_owned()));
        }
        let answer = self.ask(proof, from).await?;
        self.judge(&answer)
    }

    async fn ask(&self, proof: &str, from: Option<IpAddr>) -> Result<Answer, CaptchaError> {
        let unreachable =
            |error: reqwest::Error| CaptchaError::Unreachable(error.without_url().to_string());
        let mut form = vec![
            ("secret", self.settings.secret.expose().to_owned()),
            ("response", proof.to_owned()),
        ];
        form.extend(from.map(|address| ("remoteip", address.to_string())));
        let request = self.http.post(self.url.clone()).form(&form);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(CaptchaError::Unreachable(
                    "its answer is too long".to_owned(),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        // Some say 400 along with the errors, and the errors say more.
        if !status.is_success() && !status.is_client_error() {
            return Err(CaptchaError::Unreachable(format!("it answers {status}")));
        }
        serde_json::from_slice(&body).map_err(|_| {
            CaptchaError::Unreachable(format!(
                "it answers {status} and something that is no verdict"
            ))
        })
    }

    fn judge(&self, answer: &Answer) -> Result<(), CaptchaError> {
        let settings = &self.settings;
        let wrong = |reason: String| Err(CaptchaError::Wrong(reason));
        if let Some(error) = answer.errors.iter().find(|error| error.contains("-secret")) {
            return Err(CaptchaError::Configuration(format!(
                "the service does not know the secret key ({error})"
            )));
        }
        if answer
            .errors
            .iter()
            .any(|error| error == "timeout-or-duplicate")
        {
            return Err(CaptchaError::Expired);
        }
        if !answer.success {
            return wrong(format!("the service says no: {}", answer.errors.join(", ")));
        }
        if settings.hostname.is_some() && settings.hostname != answer.hostname {
            return wrong(format!("it was made for the host {:?}", answer.hostname));
        }
        if settings.action.is_some() && settings.action != answer.action {
            return wrong(format!("it was made for the action {:?}", answer.action));
        }
        match (settings.min_score, answer.score) {
            (Some(least), Some(score)) if score < least => wrong(format!("its score is {score}")),
            (Some(_), None) => wrong("it has no score".to_owned()),
            _ => Ok(()),
        }
    }
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Mutex};

    use axum::{Form, Router, extract::State, response::IntoResponse, routing::post};
    use muster_api::units::Millis;
    use serde_json::{Value, json};
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    type Asked = Arc<Mutex<Vec<HashMap<String, String>>>>;

    /// A service that answers always the same and remembers what it was asked.
    async fn service(status: u16, body: impl Into<String>) -> (String, Asked) {
        let asked = Asked::default();
        let body = body.into();
        let answer = move |State(asked): State<Asked>,
                           Form(form): Form<HashMap<String, String>>| {
            let body = body.clone();
            async move {
                asked.lock().unwrap().push(form);
                let status = axum::http::StatusCode::from_u16(status).unwrap();
                (status, [("location", "/elsewhere")], body).into_response()
            }
        };
        let router = Router::new()
            .route("/siteverify", post(answer.clone()))
            .route(
                "/elsewhere",
                post(|| async { r#"{"success":true}"# }).get(|| async { r#"{"success":true}"# }),
            )
            .with_state(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, asked)
    }

    fn settings(url: &str) -> Settings {
        Settings {
            url: Some(url.to_owned()),
            site_key: "site".into(),
            secret: "s3cret&more".into(),
            ..Settings::default()
        }
    }

    async fn verdict(body: Value, change: impl FnOnce(&mut Settings)) -> Result<(), CaptchaError> {
        let (url, _) = service(200, body.to_string()).await;
        let mut settings = settings(&url);
        change(&mut settings);
        Siteverify::new(&settings)
            .unwrap()
            .verify("proof", None)
            .await
    }

    fn is_wrong(result: &Result<(), CaptchaError>) -> bool {
        matches!(result, Err(CaptchaError::Wrong(_)))
    }

    #[tokio::test]
    async fn the_service_is_asked_as_its_protocol_says() {
        let (url, asked) = service(200, r#"{"success":true}"#).await;
        let captcha = Siteverify::new(&settings(&url)).unwrap();
        let from = "2001:db8::1".parse().unwrap();
        captcha
            .verify("a proof=&with+signs", Some(from))
            .await
            .unwrap();
        captcha.verify("another", None).await.unwrap();
        let asked = asked.lock().unwrap();
        assert_eq!(asked[0]["secret"], "s3cret&more");
        assert_eq!(asked[0]["response"], "a proof=&with+signs");
        assert_eq!(asked[0]["remoteip"], "2001:db8::1");
        assert!(!asked[1].contains_key("remoteip"));
    }

    #[tokio::test]
    async fn only_success_is_success() {
        let good = verdict(
            json!({"success": true, "hostname": "x", "score": 0.1}),
            |_| {},
        )
        .await;
        assert_eq!(good, Ok(()));
        let no = json!({"success": false, "error-codes": ["invalid-input-response"]});
        assert!(is_wrong(&verdict(no, |_| {}).await));
        assert!(is_wrong(&verdict(json!({"success": false}), |_| {}).await));
        let late = json!({"success": false, "error-codes": ["timeout-or-duplicate"]});
        assert_eq!(verdict(late, |_| {}).await, Err(CaptchaError::Expired));
    }

    #[tokio::test]
    async fn a_wrong_secret_is_the_operators_affair() {
        let answer = json!({"success": false, "error-codes": ["invalid-input-secret"]});
        let result = verdict(answer, |_| {}).await;
        assert!(
            matches!(&result, Err(CaptchaError::Configuration(_))),
            "{result:?}"
        );
        assert!(!format!("{result:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_proof_for_another_site_or_action_is_refused() {
        let answer =
            || json!({"success": true, "hostname": "muster.example.com", "action": "sign-up"});
        let host = |host: &'static str| move |s: &mut Settings| s.hostname = Some(host.into());
        assert_eq!(verdict(answer(), host("muster.example.com")).await, Ok(()));
        assert!(is_wrong(&verdict(answer(), host("example.com")).await));
        assert!(is_wrong(
            &verdict(json!({"success": true}), host("example.com")).await
        ));
        let action = |action: &'static str| move |s: &mut Settings| s.action = Some(action.into());
        assert_eq!(verdict(answer(), action("sign-up")).await, Ok(()));
        assert!(is_wrong(&verdict(answer(), action("sign-in")).await));
        assert!(is_wrong(
            &verdict(json!({"success": true}), action("sign-in")).await
        ));
    }

    #[tokio::test]
    async fn a_low_score_or_none_is_refused_where_one_is_asked_for() {
        let half = |s: &mut Settings| s.min_score = Some(0.5);
        assert_eq!(
            verdict(json!({"success": true, "score": 0.5}), half).await,
            Ok(())
        );
        assert!(is_wrong(
            &verdict(json!({"success": true, "score": 0.4}), half).await
        ));
        assert!(is_wrong(&verdict(json!({"success": true}), half).await));
    }

    #[tokio::test]
    async fn whatever_is_no_verdict_lets_nobody_in() {
        let long = format!(r#"{{"success":true,"x":"{}"}}"#, "x".repeat(MAX_ANSWER));
        for (status, body) in [
            (200, ""),
            (200, "<html>success: true</html>"),
            (200, "true"),
            (200, r#"{"success":"true"}"#),
            (200, r#"{"success":1}"#),
            (200, "{}"),
            (200, long.as_str()),
            (500, r#"{"success":true}"#),
            (302, r#"{"success":true}"#),
            (307, r#"{"success":true}"#),
        ] {
            let (url, asked) = service(status, body).await;
            let captcha = Siteverify::new(&settings(&url)).unwrap();
            let result = captcha.verify("proof", None).await;
            assert!(
                matches!(result, Err(CaptchaError::Unreachable(_))),
                "{status} {body:.40}: {result:?}"
            );
            assert_eq!(asked.lock().unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_lets_nobody_in() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
        drop(listener);
        let captcha = Siteverify::new(&settings(&url)).unwrap();
        let result = captcha.verify("proof", None).await;
        assert!(
            matches!(result, Err(CaptchaError::Unreachable(_))),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn a_service_that_never_ends_its_answer_lets_nobody_in() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"success\":true";
            stream.write_all(head.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut settings = settings(&url);
        settings.timeout = Millis(200);
        let captcha = Siteverify::new(&settings).unwrap();
        let result = captcha.verify("proof", None).await;
        assert!(
            matches!(result, Err(CaptchaError::Unreachable(_))),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn a_huge_proof_is_not_even_sent() {
        let (url, asked) = service(200, r#"{"success":true}"#).await;
        let captcha = Siteverify::new(&settings(&url)).unwrap();
        assert!(is_wrong(
            &captcha.verify(&"x".repeat(MAX_PROOF + 1), None).await
        ));
        assert!(asked.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_logged_shows_no_secret() {
        let captcha = Siteverify::new(&settings("http://127.0.0.1:1/siteverify")).unwrap();
        assert!(!format!("{captcha:?}").contains("s3cret"));
    }
}
