//! Nobody who may change users raises anybody above what they may do, or takes
//! over somebody who may do more.

use muster_api::tokens::{TokenReply, TokenRequest};
use muster_e2e::{Client, Host, refuse};
use reqwest::Method;
use serde_json::{Value, json};

use super::{GOOD, make};

/// An access token of the admin that is limited to these permissions.
async fn narrow(client: &Client, scope: &str) -> String {
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some("admin".to_owned()),
        password: Some(muster_e2e::PASSWORD.to_owned()),
        scope: Some(scope.to_owned()),
        ..TokenRequest::default()
    };
    let reply = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&request);
    let reply: TokenReply = reply
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    reply.access_token
}

#[tokio::test]
async fn nobody_reaches_above_their_own_rights() {
    let host = Host::start().await;
    let client = host.client().await;
    make(&client, "ada", "developer").await;
    make(&client, "guest", "viewer").await;
    // Somebody who may change users and whatever viewers may, and no more.
    let desk = narrow(&client, "user:read user:write status:read role:read").await;
    let ask = |method: Method, path: &str| {
        let path = format!("/api/v1{path}");
        client.anonymous(method, &path).bearer_auth(&desk)
    };
    for kind in ["admin", "operator", "developer"] {
        let new = json!({ "name": "eve", "type": kind, "password": GOOD });
        refuse(ask(Method::POST, "/users").json(&new), 409, "above-you").await;
        let change = ask(Method::PATCH, "/users/guest").json(&json!({ "type": kind }));
        refuse(change, 409, "above-you").await;
    }
    for (method, path) in [
        (Method::POST, "/users/ada/actions/suspend"),
        (Method::POST, "/users/admin/actions/suspend"),
        (Method::POST, "/users/admin/actions/send-activation"),
        (Method::DELETE, "/users/ada"),
        (Method::DELETE, "/users/admin/sessions"),
    ] {
        refuse(ask(method, path), 409, "above-you").await;
    }
    let _: Value = client.get("/self").await;
    let rename = ask(Method::PATCH, "/users/admin").json(&json!({ "email": "eve@example.org" }));
    refuse(rename, 409, "above-you").await;

    // A viewer has a project: a link that is shown, or another address, would
    // open it.
    let link = ask(Method::POST, "/users/guest/actions/send-activation");
    refuse(link, 409, "above-you").await;
    let address = ask(Method::PATCH, "/users/guest").json(&json!({ "email": "eve@example.org" }));
    refuse(address, 409, "above-you").await;
    // What gives nothing away is allowed.
    let called = ask(Method::PATCH, "/users/guest").json(&json!({ "display_name": "A guest" }));
    assert_eq!(called.send().await.expect("an answer").status(), 200);
    let suspended = ask(Method::POST, "/users/guest/actions/suspend");
    assert_eq!(suspended.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn who_may_not_change_users_does_not() {
    let host = Host::start().await;
    let client = host.client().await;
    for kind in ["operator", "developer", "viewer"] {
        let name = format!("some-{kind}");
        make(&client, &name, kind).await;
        let somebody = Client::login_as(&host.url(), host.apps(), &name, GOOD).await;
        let own = format!("/users/{name}");
        for (method, path) in [
            (Method::PATCH, own.clone()),
            (Method::DELETE, own.clone()),
            (Method::POST, format!("{own}/actions/activate")),
            (Method::POST, format!("{own}/actions/send-activation")),
            (Method::POST, "/users".to_owned()),
        ] {
            let body = json!({ "type": "admin" });
            refuse(
                somebody.request(method, &path).json(&body),
                403,
                "forbidden",
            )
            .await;
        }
    }
}
