//! People who sign up, verify their address and are let in.

use std::time::Duration;

use muster_api::{
    page::Page,
    sign_ups::SignUpInfo,
    users::{CreatedUser, User, UserState, UserType},
};
use muster_e2e::{
    Host, only_field, refuse,
    servers::{SmtpOptions, SmtpServer},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, OTHER, log_in, mail_to, open, public, somebody, text, token, verify};

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
