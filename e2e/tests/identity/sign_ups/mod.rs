//! `/sign-ups`, `/activations`, `/password-resets` and mail, with a real SMTP
//! server.

mod coming;
mod mail;
mod pages;
mod strangers;

use muster_api::{sign_ups::LinkReply, tokens::TokenRequest};
use muster_e2e::{
    Client, eventually,
    servers::{Mail, SmtpServer},
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const GOOD: &str = "quietly-borrowed 47 umbrellas";
const OTHER: &str = "seven reluctant-otters 12";

/// Lets people sign up without puzzles, which have tests of their own.
async fn open(client: &Client, smtp: Option<&SmtpServer>, section: Value) {
    let _: Value = client
        .send(
            Method::PUT,
            "/config/captcha",
            &json!({ "provider": "off" }),
        )
        .await;
    let _: Value = client.send(Method::PUT, "/config/sign-up", &section).await;
    if let Some(smtp) = smtp {
        configure(client, smtp).await;
    }
}

async fn configure(client: &Client, smtp: &SmtpServer) {
    let mail = json!({
        "host": "127.0.0.1", "port": smtp.port(), "tls": "none",
        "from": "Muster <muster@example.org>",
    });
    let _: Value = client.send(Method::PUT, "/config/mail", &mail).await;
}

fn public(client: &Client, path: &str, body: &Value) -> RequestBuilder {
    client
        .anonymous(Method::POST, &format!("/api/v1{path}"))
        .json(body)
}

fn somebody(name: &str, email: &str) -> Value {
    json!({ "name": name, "email": email, "password": GOOD })
}

async fn log_in(client: &Client, name: &str, password: &str) -> StatusCode {
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(name.to_owned()),
        password: Some(password.to_owned()),
        ..TokenRequest::default()
    };
    let reply = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&request);
    reply.send().await.expect("an answer").status()
}

/// The text of a mail, without the line breaks that its encoding adds.
fn text(mail: &Mail) -> String {
    mail.text.replace("=\r\n", "").replace("=3D", "=")
}

/// The token of the link in a mail.
fn token(mail: &Mail) -> String {
    let text = text(mail);
    let (_, rest) = text.split_once("?token=").expect("a link");
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect()
}

/// The newest mail to an address, once there are so many.
async fn mail_to(smtp: &SmtpServer, address: &str, count: usize) -> Mail {
    eventually("a mail", async || {
        let mut mails = smtp.mails();
        mails.retain(|mail| mail.to == [address]);
        (mails.len() >= count).then(|| mails.remove(count - 1))
    })
    .await
}

async fn verify(client: &Client, mail: &Mail) -> LinkReply {
    let request = public(
        client,
        "/sign-ups/verification",
        &json!({ "token": token(mail) }),
    );
    let reply = request.send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::OK);
    reply.json().await.expect("JSON")
}
