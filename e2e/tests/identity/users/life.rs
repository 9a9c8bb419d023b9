//! From the first link to the tombstone.

use muster_api::{
    page::Page,
    plan::Plan,
    sessions::Session,
    sign_ups::LinkReply,
    users::{Activation, CreatedUser, EndedSessions, User, UserState, UserType},
};
use muster_e2e::{Case, Client, Host, PASSWORD, guest, only_field, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, denied, log_in, make, redeem};

#[tokio::test]
async fn a_link_makes_a_user_active_once() {
    let host = Host::start().await;
    let client = host.client().await;
    let new = json!({ "name": "ada", "email": "Ada@Example.org", "display_name": "Ada L." });
    let request = client.request(Method::POST, "/users").json(&new);
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::CREATED);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let made: CreatedUser = reply.json().await.unwrap();
    assert_eq!(made.user.state, UserState::Unverified);
    assert_eq!(made.user.kind, UserType::Developer);
    assert_eq!(made.user.email.as_deref(), Some("ada@example.org"));
    let first = made.activation.unwrap();
    assert_eq!((first.sent_to, first.expires_in), (None, 7 * 86_400));
    let first = first.link.unwrap();
    assert!(
        first.starts_with(&format!("{}/account/activate?token=", host.url())),
        "{first}"
    );

    // Another link voids the first.
    let path = "/users/ada/actions/send-activation";
    let second: Activation = client.send(Method::POST, path, &json!({})).await;
    let second = second.link.unwrap();
    let problem = refuse(redeem(&client, &first, GOOD), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "token");
    // A refused password does not use the link up.
    let problem = refuse(
        redeem(&client, &second, "ada@example"),
        422,
        "invalid-request",
    )
    .await;
    assert_eq!(only_field(&problem), "password");
    let reply = redeem(&client, &second, GOOD).send().await.unwrap();
    let reply: LinkReply = reply.json().await.unwrap();
    assert_eq!(
        (reply.name.as_str(), reply.state),
        ("ada", UserState::Active)
    );
    refuse(redeem(&client, &second, GOOD), 422, "invalid-request").await;
    log_in(&client, "ada", GOOD).await.unwrap();
    log_in(&client, "ADA@example.org", GOOD).await.unwrap();

    // The admin passed the link on, so nothing is known of the address.
    let ada: User = client.get("/users/ada").await;
    assert!(!ada.email_verified);
    let log = host.log();
    for link in [first, second] {
        assert!(!log.contains(super::token(&link)), "a link is in the log");
    }
}

#[tokio::test]
async fn suspension_ends_sessions_at_once_and_activation_lets_in_again() {
    let host = Host::start().await;
    let client = host.client().await;
    make(&client, "ada", "developer").await;
    let ada = Client::login_as(&host.url(), host.apps(), "ada", GOOD).await;
    let _: Value = ada.get("/self").await;

    let plan: Plan = client
        .send(
            Method::POST,
            "/users/ada/actions/suspend?dry_run=true",
            &json!({}),
        )
        .await;
    assert_eq!(
        (plan.removes.as_slice(), plan.done),
        (&["1 session".to_owned()][..], false)
    );
    let _: Value = ada.get("/self").await;
    let path = "/users/ada/actions/suspend";
    let user: User = client.send(Method::POST, path, &json!({})).await;
    assert_eq!(user.state, UserState::Suspended);
    refuse(ada.request(Method::GET, "/self"), 401, "unauthorized").await;
    assert_eq!(denied(&client, "ada", GOOD).await, "suspended");
    // Who does not know the password does not learn it.
    assert_eq!(denied(&client, "ada", "wrong").await, "invalid_grant");
    refuse(client.request(Method::POST, path), 409, "user-suspended").await;
    let link = client.request(Method::POST, "/users/ada/actions/send-activation");
    refuse(link, 409, "user-suspended").await;

    let path = "/users/ada/actions/activate";
    let user: User = client.send(Method::POST, path, &json!({})).await;
    assert_eq!(user.state, UserState::Active);
    log_in(&client, "ada", GOOD).await.unwrap();
    refuse(client.request(Method::POST, path), 409, "user-active").await;
}

#[tokio::test]
async fn sessions_of_others_are_seen_and_ended() {
    let host = Host::start().await;
    let client = host.client().await;
    make(&client, "ada", "developer").await;
    let ada = Client::login_as(&host.url(), host.apps(), "ada", GOOD).await;
    let again = Client::login_as(&host.url(), host.apps(), "ada", GOOD).await;
    let sessions: Page<Session> = client.get("/users/ada/sessions").await;
    assert_eq!(sessions.items.len(), 2);
    assert!(sessions.items.iter().all(|session| !session.current));
    refuse(
        ada.request(Method::GET, "/users/ada/sessions"),
        403,
        "forbidden",
    )
    .await;
    let ended: EndedSessions = client
        .send(Method::DELETE, "/users/ada/sessions", &json!({}))
        .await;
    assert_eq!(ended.ended, 2);
    for client in [ada, again] {
        refuse(client.request(Method::GET, "/self"), 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn a_deleted_user_leaves_an_id_and_frees_the_name() {
    let host = Host::start().await;
    let client = host.client().await;
    let first = make(&client, "ada", "developer").await;
    let ada = Client::login_as(&host.url(), host.apps(), "ada", GOOD).await;
    ada.push_component("mine", &guest("hello")).await;

    let gone = |dry: bool| client.request(Method::DELETE, &format!("/users/ada?dry_run={dry}"));
    for dry in [true, false] {
        let problem = refuse(gone(dry), 409, "project-not-empty").await;
        assert!(problem.detail.contains("mine"), "{problem:?}");
    }
    let _: Value = ada.send(Method::DELETE, "/apps/mine", &json!({})).await;
    let plan: Plan = gone(true).send().await.unwrap().json().await.unwrap();
    assert!(!plan.done && plan.removes[0] == "the user ada", "{plan:?}");
    let _: Value = ada.get("/self").await;
    let plan: Plan = gone(false).send().await.unwrap().json().await.unwrap();
    assert!(plan.done);
    refuse(ada.request(Method::GET, "/self"), 401, "unauthorized").await;
    refuse(
        client.request(Method::GET, "/users/ada"),
        404,
        "user-not-found",
    )
    .await;
    assert_eq!(denied(&client, "ada", GOOD).await, "invalid_grant");

    let tombs: Page<User> = client.get("/users?state=deleted").await;
    let tomb = &tombs.items[0];
    assert_eq!(tomb.id, first.id);
    assert_eq!(tomb.name, format!("ada~{}", first.id));
    for action in ["activate", "suspend", "send-activation"] {
        let path = format!("/users/{}/actions/{action}", first.id);
        refuse(client.request(Method::POST, &path), 409, "user-deleted").await;
    }
    let second = make(&client, "ada", "viewer").await;
    assert_ne!(second.id, first.id);
    log_in(&client, "ada", GOOD).await.unwrap();
}

#[tokio::test]
async fn the_last_admin_stays() {
    let host = Host::start().await;
    let client = host.client().await;
    let demote = || {
        let request = client.request(Method::PATCH, "/users/admin");
        request.json(&json!({ "type": "viewer" }))
    };
    let suspend = || client.request(Method::POST, "/users/admin/actions/suspend");
    let delete = || client.request(Method::DELETE, "/users/admin");
    for request in [demote(), suspend(), delete()] {
        refuse(request, 409, "last-admin").await;
    }
    // One who cannot sign in does not count.
    make(&client, "second", "admin").await;
    let path = "/users/second/actions/suspend";
    let _: User = client.send(Method::POST, path, &json!({})).await;
    refuse(suspend(), 409, "last-admin").await;
    let path = "/users/second/actions/activate";
    let _: User = client.send(Method::POST, path, &json!({})).await;
    assert_eq!(demote().send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(denied(&client, "admin", "wrong").await, "invalid_grant");
    log_in(&client, "admin", PASSWORD).await.unwrap();
    refuse(client.request(Method::GET, "/users"), 403, "forbidden").await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_field() {
    let host = Host::start().await;
    let client = host.client().await;
    make(&client, "ada", "developer").await;
    let post = |body: Value, field| Case::field(Method::POST, "/users", body, field);
    let patch = |body: Value, field| Case::field(Method::PATCH, "/users/ada", body, field);
    let unknown = |body: Value| Case::new(Method::POST, "/users", body, 422, "invalid-request");
    refuse_all(
        &client,
        vec![
            post(json!({ "name": "Ada" }), "name"),
            post(json!({ "name": "a~b" }), "name"),
            post(json!({ "name": "eve", "email": "eve" }), "email"),
            post(
                json!({ "name": "eve", "email": "a@b.example\nBcc: c@d.example" }),
                "email",
            ),
            post(
                json!({ "name": "eve", "display_name": "a\nb" }),
                "display_name",
            ),
            post(json!({ "name": "eve", "password": "short" }), "password"),
            post(
                json!({ "name": "everest", "password": "everest2026" }),
                "password",
            ),
            unknown(json!({ "name": "eve", "state": "active" })),
            unknown(json!({ "name": "eve", "email_verified": true })),
            unknown(json!({ "name": "eve", "id": "x" })),
            Case::new(
                Method::POST,
                "/users",
                json!({ "name": "ada" }),
                409,
                "exists-already",
            ),
            patch(json!({}), "name"),
            patch(json!({ "name": "1" }), "name"),
            Case::new(
                Method::PATCH,
                "/users/ada",
                json!({ "name": "admin" }),
                409,
                "exists-already",
            ),
            Case::new(
                Method::PATCH,
                "/users/nobody",
                json!({ "name": "x" }),
                404,
                "user-not-found",
            ),
        ],
    )
    .await;
    let stale = client
        .request(Method::PATCH, "/users/ada")
        .header(
            "if-match",
            "\"00000000000000000000000000000000.0000000000000000\"",
        )
        .json(&json!({ "display_name": "x" }));
    assert_eq!(
        stale.send().await.unwrap().status(),
        StatusCode::PRECONDITION_FAILED
    );
}

#[tokio::test]
async fn a_browser_sets_the_password_too() {
    let host = Host::start().await;
    let client = host.client().await;
    let new = json!({ "name": "ada" });
    let made: CreatedUser = client.send(Method::POST, "/users", &new).await;
    let link = made.activation.unwrap().link.unwrap();
    let path = link.strip_prefix(&host.url()).unwrap();
    // A program that follows the link uses nothing up.
    for _ in 0..2 {
        let page = client.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        assert!(page.text().await.unwrap().contains("new-password"));
    }
    let send = |password: &str| {
        let form = [("token", super::token(&link)), ("password", password)];
        client
            .anonymous(Method::POST, "/account/activate")
            .form(&form)
    };
    let weak = send("ada").send().await.unwrap();
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.text().await.unwrap().contains("characters"));
    assert_eq!(send(GOOD).send().await.unwrap().status(), StatusCode::OK);
    log_in(&client, "ada", GOOD).await.unwrap();
    assert_eq!(
        send(GOOD).send().await.unwrap().status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
}
