//! What strangers learn and what they can set: nothing.

use muster_api::{
    page::Page,
    sign_ups::LinkReply,
    users::{Activation, User, UserState},
};
use muster_e2e::{
    Host, eventually, only_field, refuse,
    servers::{SmtpOptions, SmtpServer},
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

use super::{GOOD, OTHER, log_in, mail_to, open, public, somebody, text, token, verify};

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
