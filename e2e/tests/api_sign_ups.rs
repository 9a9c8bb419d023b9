//! `/sign-ups`, `/activations`, `/password-resets` and mail, with a real SMTP
//! server.

use std::time::Duration;

use muster_api::{
    page::Page,
    sign_ups::{LinkReply, MailTestReply, SignUpInfo},
    tokens::TokenRequest,
    users::{Activation, CreatedUser, User, UserState, UserType},
};
use muster_e2e::{
    Client, Host, HostOptions, eventually, only_field, refuse,
    servers::{Mail, SmtpOptions, SmtpServer},
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

#[tokio::test]
async fn who_signs_up_verifies_and_waits_for_an_admin() {
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start().await;
    let client = host.client().await;
    refuse(
        public(&client, "/sign-ups", &somebody("ada", "ada@example.org")),
        409,
        "sign-up-closed",
    )
    .await;
    open(&client, Some(&smtp), json!({ "allowed": true })).await;
    let _: User = client
        .send(
            Method::PATCH,
            "/users/admin",
            &json!({ "email": "root@example.org" }),
        )
        .await;
    let info = client.anonymous(Method::GET, "/api/v1/sign-ups");
    let info: SignUpInfo = info
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert!(info.allowed && info.verify_email && info.terms.is_none());

    let reply = public(&client, "/sign-ups", &somebody("ada", "Ada@example.org"));
    assert_eq!(
        reply.send().await.expect("an answer").status(),
        StatusCode::ACCEPTED
    );
    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    assert!(text(&mail).contains("24 hours"), "{}", mail.text);
    let ada: User = client.get("/users/ada").await;
    assert_eq!(
        (ada.state, ada.kind),
        (UserState::Unverified, UserType::Developer)
    );
    assert_eq!(log_in(&client, "ada", GOOD).await, StatusCode::BAD_REQUEST);
    assert_eq!(verify(&client, &mail).await.state, UserState::Pending);
    let again = public(
        &client,
        "/sign-ups/verification",
        &json!({ "token": token(&mail) }),
    );
    refuse(again, 422, "invalid-request").await;

    let told = mail_to(&smtp, "root@example.org", 1).await;
    assert!(text(&told).contains("ada"), "{}", told.text);
    let waiting: Page<User> = client.get("/users?state=pending").await;
    assert_eq!(waiting.items.len(), 1);
    assert!(waiting.items[0].email_verified);
    let _: User = client
        .send(Method::POST, "/users/ada/actions/activate", &json!({}))
        .await;
    mail_to(&smtp, "ada@example.org", 2).await;
    assert_eq!(log_in(&client, "ada", GOOD).await, StatusCode::OK);

    // The next who waits is told of later: the admins had a mail just now.
    let reply = public(&client, "/sign-ups", &somebody("bob", "bob@example.org"));
    reply.send().await.expect("an answer");
    let mail = mail_to(&smtp, "bob@example.org", 1).await;
    verify(&client, &mail).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = smtp
        .mails()
        .into_iter()
        .filter(|mail| mail.to == ["root@example.org"]);
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn addresses_that_fit_a_pattern_need_no_admin() {
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start().await;
    let client = host.client().await;
    let section = json!({
        "allowed": true, "moderation": "automatic", "automatic": ["*@example.org"], "type": "viewer",
    });
    open(&client, Some(&smtp), section).await;
    for (name, address, state) in [
        ("ada", "ada@example.org", UserState::Active),
        ("eve", "eve@example.org.evil.example", UserState::Pending),
    ] {
        public(&client, "/sign-ups", &somebody(name, address))
            .send()
            .await
            .unwrap();
        let mail = mail_to(&smtp, address, 1).await;
        assert_eq!(verify(&client, &mail).await.state, state);
        let user: User = client.get(&format!("/users/{name}")).await;
        assert_eq!(user.kind, UserType::Viewer);
    }
}

#[tokio::test]
async fn a_later_sign_up_voids_one_that_was_not_verified() {
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start().await;
    let client = host.client().await;
    open(
        &client,
        Some(&smtp),
        json!({ "allowed": true, "moderation": "none" }),
    )
    .await;
    let sign_up = async |name: &str, address: &str| {
        let reply = public(&client, "/sign-ups", &somebody(name, address));
        assert_eq!(
            reply.send().await.expect("an answer").status(),
            StatusCode::ACCEPTED
        );
    };
    // Somebody claims an address that is not theirs, and a name.
    sign_up("eve", "ada@example.org").await;
    let first = mail_to(&smtp, "ada@example.org", 1).await;
    sign_up("ada", "ada@example.org").await;
    let second = mail_to(&smtp, "ada@example.org", 2).await;
    let void = public(
        &client,
        "/sign-ups/verification",
        &json!({ "token": token(&first) }),
    );
    refuse(void, 422, "invalid-request").await;
    refuse(
        client.request(Method::GET, "/users/eve"),
        404,
        "user-not-found",
    )
    .await;
    assert_eq!(verify(&client, &second).await.name, "ada");

    // An invitation is nobody's to void.
    let new = json!({ "name": "bob", "email": "bob@example.org" });
    let made: CreatedUser = client.send(Method::POST, "/users", &new).await;
    assert_eq!(
        made.activation.unwrap().sent_to.as_deref(),
        Some("bob@example.org")
    );
    sign_up("bob", "eve@example.org").await;
    let told = mail_to(&smtp, "eve@example.org", 1).await;
    assert!(text(&told).contains("is taken") && !text(&told).contains("bob@example.org"));
    let bob: User = client.get("/users/bob").await;
    assert_eq!(bob.id, made.user.id);
    let invited = mail_to(&smtp, "bob@example.org", 1).await;
    let set = json!({ "token": token(&invited), "password": OTHER });
    let set = public(&client, "/activations", &set)
        .send()
        .await
        .expect("an answer");
    assert_eq!(set.status(), StatusCode::OK);
    let bob: User = client.get("/users/bob").await;
    assert!(bob.email_verified && bob.state == UserState::Active);
}

#[tokio::test]
async fn answers_do_not_tell_who_is_known() {
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start().await;
    let client = host.client().await;
    open(
        &client,
        Some(&smtp),
        json!({ "allowed": true, "moderation": "none" }),
    )
    .await;
    public(&client, "/sign-ups", &somebody("ada", "ada@example.org"))
        .send()
        .await
        .unwrap();
    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    verify(&client, &mail).await;

    // The same status, headers and body, but for what differs in any two answers.
    let seen = async |request: RequestBuilder| {
        let reply = request.send().await.expect("an answer");
        let headers: Vec<String> = reply
            .headers()
            .iter()
            .filter(|(name, _)| {
                let name = name.as_str();
                !name.starts_with("ratelimit") && !["x-request-id", "date"].contains(&name)
            })
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        (reply.status(), headers, reply.text().await.unwrap())
    };
    let fresh = seen(public(
        &client,
        "/sign-ups",
        &somebody("new", "new@example.org"),
    ))
    .await;
    assert_eq!(fresh.0, StatusCode::ACCEPTED);
    for (name, address) in [
        ("other", "ada@example.org"),
        ("ada", "third@example.org"),
        ("ada", "ADA@example.org"),
    ] {
        let known = seen(public(&client, "/sign-ups", &somebody(name, address))).await;
        assert_eq!(known, fresh, "{name} {address}");
    }
    let owner = mail_to(&smtp, "ada@example.org", 2).await;
    assert!(text(&owner).contains("already"), "{}", owner.text);
    refuse(
        client.request(Method::GET, "/users/other"),
        404,
        "user-not-found",
    )
    .await;

    let reset = |address: &str| public(&client, "/password-resets", &json!({ "email": address }));
    let unknown = seen(reset("nobody@example.org")).await;
    assert_eq!(unknown.0, StatusCode::ACCEPTED);
    assert_eq!(seen(reset("ada@example.org")).await, unknown);
    let mail = mail_to(&smtp, "ada@example.org", 3).await;
    let set = json!({ "token": token(&mail), "password": OTHER });
    let set = public(&client, "/activations", &set)
        .send()
        .await
        .expect("an answer");
    assert_eq!(set.status(), StatusCode::OK);
    assert_eq!(log_in(&client, "ada", OTHER).await, StatusCode::OK);
    assert_eq!(log_in(&client, "ada", GOOD).await, StatusCode::BAD_REQUEST);
    assert!(
        smtp.mails()
            .iter()
            .all(|mail| mail.to != ["nobody@example.org"])
    );
}

#[tokio::test]
async fn nothing_but_what_is_asked_for_is_taken() {
    let host = Host::start().await;
    let client = host.client().await;
    open(&client, None, json!({ "allowed": true })).await;
    for (field, value) in [
        ("state", json!("active")),
        ("type", json!("admin")),
        ("email_verified", json!(true)),
        ("id", json!("0890a5d0-ac96-774b-bcce-b302099a8057")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut body = somebody("eve", "eve@example.org");
        body[field] = value;
        refuse(public(&client, "/sign-ups", &body), 422, "invalid-request").await;
    }
    for (body, field) in [
        (
            json!({ "name": "Eve", "email": "e@example.org", "password": GOOD }),
            "name",
        ),
        (
            json!({ "name": "eve", "email": "e", "password": GOOD }),
            "email",
        ),
        (
            json!({ "name": "eve", "email": "e@example.org", "password": "eve" }),
            "password",
        ),
        (
            json!({ "name": "eve", "display_name": "a\u{7}", "email": "e@example.org", "password": GOOD }),
            "display_name",
        ),
        (
            json!({ "name": "eve", "email": "e@example.org", "password": GOOD, "accept_terms": 1 }),
            "",
        ),
    ] {
        if field.is_empty() {
            // There are no terms, so nothing has to be accepted.
            let reply = public(&client, "/sign-ups", &body)
                .send()
                .await
                .expect("an answer");
            assert_eq!(reply.status(), StatusCode::ACCEPTED);
            continue;
        }
        let problem = refuse(public(&client, "/sign-ups", &body), 422, "invalid-request").await;
        assert_eq!(only_field(&problem), field);
    }
    // Without mail an admin passes the link on.
    let eve = eventually("the sign-up", async || {
        let all: Page<User> = client.get("/users?state=unverified").await;
        all.items.into_iter().next()
    })
    .await;
    let path = format!("/users/{}/actions/send-activation", eve.name);
    let link: Activation = client.send(Method::POST, &path, &json!({})).await;
    let link = link.link.unwrap();
    let (_, token) = link.split_once("/account/verify?token=").unwrap();
    let done = public(
        &client,
        "/sign-ups/verification",
        &json!({ "token": token }),
    );
    let done: LinkReply = done
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(done.state, UserState::Pending);
    let eve: User = client.get("/users/eve").await;
    assert!(
        !eve.email_verified,
        "nobody has shown that the address is theirs"
    );
}

#[tokio::test]
async fn bots_have_to_solve_a_puzzle() {
    let host = Host::start().await;
    let client = host.client().await;
    let section = json!({ "allowed": true, "verify_email": false, "moderation": "none" });
    let _: Value = client.send(Method::PUT, "/config/sign-up", &section).await;
    let problem = refuse(
        public(&client, "/sign-ups", &somebody("bot", "b@example.org")),
        422,
        "invalid-request",
    )
    .await;
    assert_eq!(only_field(&problem), "captcha");
    let mut forged = somebody("bot", "b@example.org");
    forged["captcha"] = json!("e30=");
    let problem = refuse(
        public(&client, "/sign-ups", &forged),
        422,
        "invalid-request",
    )
    .await;
    assert_eq!(only_field(&problem), "captcha");
}

#[tokio::test]
async fn mail_waits_for_a_server_that_is_down_and_for_a_host_that_is() {
    let mut smtp = SmtpServer::start(&SmtpOptions::default());
    let mut host = Host::start_with(HostOptions::default()).await;
    let client = host.client().await;
    configure(&client, &smtp).await;
    let port = smtp.port();
    smtp.stop();
    let new = json!({ "name": "ada", "email": "ada@example.org" });
    let made: CreatedUser = client.send(Method::POST, "/users", &new).await;
    assert!(made.activation.unwrap().link.is_none());
    let reply: MailTestReply = client
        .send(
            Method::POST,
            "/mail/test",
            &json!({ "to": "root@example.org" }),
        )
        .await;
    let problem = reply.problem.unwrap();
    assert!(
        !reply.accepted && problem.contains(&format!("127.0.0.1:{port}")),
        "{problem}"
    );

    let smtp = SmtpServer::start(&SmtpOptions::default());
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    configure(&client, &smtp).await;
    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    let set = json!({ "token": token(&mail), "password": GOOD });
    let set = public(&client, "/activations", &set)
        .send()
        .await
        .expect("an answer");
    assert_eq!(set.status(), StatusCode::OK);
    let reply: MailTestReply = client
        .send(
            Method::POST,
            "/mail/test",
            &json!({ "to": "root@example.org" }),
        )
        .await;
    assert_eq!((reply.accepted, reply.problem), (true, None));
    mail_to(&smtp, "root@example.org", 1).await;
    assert!(!host.log().contains(&token(&mail)), "a link is in the log");
}

#[tokio::test]
async fn where_no_mail_is_sent_an_admin_passes_the_link_on() {
    let host = Host::start().await;
    let client = host.client().await;
    open(&client, None, json!({ "allowed": true })).await;
    let huge = "x".repeat(65 << 10);
    let huge = public(&client, "/sign-ups", &somebody(&huge, "ada@example.org"));
    refuse(huge, 413, "invalid-request").await;

    let ada = public(&client, "/sign-ups", &somebody("ada", "ada@example.org"));
    let told: Value = ada.send().await.unwrap().json().await.unwrap();
    let next = told["next"].as_str().expect("text");
    assert!(next.contains("no mail") && next.contains("admin"), "{next}");
    eventually("ada is there", async || {
        let request = client.request(Method::GET, "/users/ada").send().await;
        request.unwrap().status().is_success().then_some(())
    })
    .await;
    let user: User = client.get("/users/ada").await;
    assert_eq!(user.state, UserState::Unverified);
    let path = "/users/ada/actions/send-activation";
    let activation: Activation = client.send(Method::POST, path, &json!({})).await;
    let link = activation.link.expect("it is shown");
    let (_, token) = link.split_once("?token=").expect("a token");
    let verified = public(
        &client,
        "/sign-ups/verification",
        &json!({ "token": token }),
    );
    assert_eq!(verified.send().await.unwrap().status(), StatusCode::OK);
}
