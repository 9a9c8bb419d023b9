//! Every route as every type of user, with every role that could be made, and
//! as whoever is in a project or is not: what the table of operations gives them
//! is open, everything else is closed, and nothing fails.

mod projects;

use muster_api::{
    keys::KeyWithSecret,
    permissions::{Access, OPERATIONS, Operation, Permission, PermissionSet, bundle},
    tokens::TokenRequest,
};
use muster_e2e::{Client, Host, PASSWORD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const GOOD: &str = "correct horse battery staple 42";
/// Names nothing that exists, whatever kind of thing it is taken for.
const NOTHING: &str = "0199d1a2-0000-7000-8000-000000000000";

/// The path with something in place of its parameters.
fn path(operation: &Operation) -> String {
    let part = |part: &str| {
        if part.starts_with('{') {
            NOTHING.to_owned()
        } else {
            part.to_owned()
        }
    };
    let parts: Vec<_> = operation.path.split('/').map(part).collect();
    parts.join("/")
}

/// What somebody of a type may do somewhere: by the type, and in their own
/// project, where a viewer only looks.
fn rights(kind: &str) -> PermissionSet {
    let set = |name: &str| bundle(name).expect("it is built in").set();
    let own = if kind == "viewer" {
        set("project-owner").within(set("project-viewer"))
    } else {
        set("project-owner")
    };
    set(kind).with(own)
}

/// Somebody of a type, signed in.
async fn user(host: &Host, admin: &Client, name: &str, kind: &str) -> Client {
    let new = json!({ "name": name, "type": kind, "password": GOOD });
    let made = admin.request(Method::POST, "/users").json(&new);
    let made = made.send().await.expect("the host answers");
    assert_eq!(made.status(), StatusCode::CREATED);
    Client::login_as(&host.url(), host.apps(), name, GOOD).await
}

async fn status(client: &Client, operation: &Operation) -> StatusCode {
    let method: Method = operation.method.parse().expect("a method");
    let sent = client
        .as_is(method, &path(operation))
        .json(&json!({}))
        .send()
        .await
        .expect("the host answers");
    sent.status()
}

#[tokio::test]
async fn every_type_of_user_gets_what_the_table_says_and_nothing_else() {
    let host = Host::start().await;
    let admin = host.client().await;
    for kind in ["viewer", "developer", "operator", "admin"] {
        let name = format!("some-{kind}");
        let client = user(&host, &admin, &name, kind).await;
        let rights = rights(kind);
        let (mut open, mut closed) = (0, 0);
        for operation in OPERATIONS {
            let told = format!("{kind}: {} {}", operation.method, operation.path);
            let got = status(&client, operation).await;
            assert!(!got.is_server_error(), "{told}: {got}");
            match operation.access {
                Access::Needs(permission) if !rights.has(permission) => {
                    assert_eq!(got, StatusCode::FORBIDDEN, "{told}");
                    closed += 1;
                }
                Access::Needs(_) | Access::SignedIn | Access::InPerson | Access::OwnKey => {
                    assert_ne!(got, StatusCode::UNAUTHORIZED, "{told}");
                    assert_ne!(got, StatusCode::FORBIDDEN, "{told}");
                    open += 1;
                }
                Access::Public => {}
            }
        }
        assert_eq!(
            closed == 0,
            kind == "admin",
            "{kind}: {open} open, {closed} closed"
        );
        assert!(open > 10, "{kind}: only {open} are open");
    }
}

#[tokio::test]
async fn a_role_of_ones_own_making_opens_what_it_holds_and_nothing_else() {
    let host = Host::start().await;
    let admin = host.client().await;
    // One user walks often, which is no attack here.
    let limits = json!({ "user": { "per_minute": 1_000_000, "burst": 100_000 } });
    let _: Value = admin
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    let client = user(&host, &admin, "some", "viewer").await;
    for permission in Permission::ALL {
        let role = json!({ "name": "single", "description": "", "permissions": [permission] });
        let _: Value = admin.send(Method::POST, "/access-roles", &role).await;
        let binding = json!({ "user": "some", "role": "single" });
        let binding: Value = admin.send(Method::POST, "/access-bindings", &binding).await;
        let rights = rights("viewer").with([*permission].into_iter().collect());
        for operation in OPERATIONS {
            let Access::Needs(needed) = operation.access else {
                continue;
            };
            let got = status(&client, operation).await;
            let told = format!(
                "{permission}: {} {}: {got}",
                operation.method, operation.path
            );
            assert!(!got.is_server_error(), "{told}");
            assert_ne!(got, StatusCode::UNAUTHORIZED, "{told}");
            let closed = got == StatusCode::FORBIDDEN;
            assert_eq!(closed, !rights.has(needed), "{told}");
        }
        let id = binding["id"].as_str().expect("an id");
        for path in [
            format!("/access-bindings/{id}"),
            "/access-roles/single".to_owned(),
        ] {
            let _: Value = admin.send(Method::DELETE, &path, &Value::Null).await;
        }
    }
}

/// The code of a refusal.
async fn code(client: &Client, operation: &Operation) -> (StatusCode, String) {
    let method: Method = operation.method.parse().expect("a method");
    let request = client.as_is(method, &path(operation)).json(&json!({}));
    let reply = request.send().await.expect("the host answers");
    let status = reply.status();
    // A stream does not end.
    if status.is_success() {
        return (status, String::new());
    }
    let problem: Value = reply.json().await.unwrap_or_default();
    (
        status,
        problem["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn keys_and_limited_sessions_reach_no_further_than_their_scopes() {
    let host = Host::start().await;
    let admin = host.client().await;
    let key = async |scopes: Value| {
        let new = json!({ "name": "some", "scopes": scopes });
        let made: KeyWithSecret = admin.send(Method::POST, "/self/keys", &new).await;
        admin.with_key(&made.key.id, &made.secret).await
    };
    let session = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(PASSWORD.to_owned()),
        scope: Some("app:read".to_owned()),
        ..TokenRequest::default()
    };
    let session = admin.with_token(admin.tokens(&session).await.access_token);
    let narrow: PermissionSet = [Permission::AppRead].into_iter().collect();
    for (who, client, is_key, scopes) in [
        ("a narrow key", key(json!(["app:read"])).await, true, narrow),
        (
            "a wide key",
            key(json!(null)).await,
            true,
            PermissionSet::all(),
        ),
        ("a narrow session", session, false, narrow),
    ] {
        for operation in OPERATIONS {
            let told = format!("{who}: {} {}", operation.method, operation.path);
            // Of all that is below one's own account, they see who they are, and
            // a key has to do with itself.
            if operation.path.starts_with("/api/v1/self/") {
                let strict = matches!(operation.access, Access::InPerson | Access::OwnKey);
                assert!(strict, "{told}");
            }
            let (status, code) = code(&client, operation).await;
            assert!(!status.is_server_error(), "{told}: {status}");
            let refusal = match operation.access {
                Access::Public => continue,
                Access::Needs(permission) if !scopes.has(permission) => Some("forbidden"),
                Access::InPerson => Some("not-in-person"),
                Access::OwnKey if !is_key => Some("not-in-person"),
                Access::Needs(_) | Access::SignedIn | Access::OwnKey => None,
            };
            match refusal {
                Some(refusal) => {
                    assert_eq!(
                        (status, code.as_str()),
                        (StatusCode::FORBIDDEN, refusal),
                        "{told}"
                    );
                }
                None => {
                    assert_ne!(status, StatusCode::UNAUTHORIZED, "{told}");
                    assert_ne!(status, StatusCode::FORBIDDEN, "{told}");
                }
            }
        }
    }
}

#[tokio::test]
async fn strangers_get_in_nowhere_but_through_the_public_door() {
    let host = Host::start().await;
    let client = host.client().await;
    for operation in OPERATIONS {
        let told = format!("{} {}", operation.method, operation.path);
        let method: Method = operation.method.parse().unwrap();
        let sent = client.anonymous(method, &path(operation)).json(&json!({}));
        let got = sent.send().await.unwrap().status();
        assert!(!got.is_server_error(), "{told}: {got}");
        if operation.access != Access::Public {
            assert_eq!(got, StatusCode::UNAUTHORIZED, "{told}");
        }
    }
}
