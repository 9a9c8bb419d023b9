//! On what terms changes are made that are no app's: a dry run only tells,
//! `If-Match` lets nobody change what they have not seen.

use muster_api::{
    access::AccessBinding,
    keys::{KeyWithSecret, NewKey},
    page::Page,
    plan::Plan,
    projects::Project,
    quotas::Quota,
    sessions::Session,
    users::CreatedUser,
};
use muster_e2e::{Client, Host, PASSWORD, everything, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const GOOD: &str = "quietly-borrowed 47 umbrellas";

/// A change, and where the thing is seen that it is about; nowhere if it is only
/// there or not.
struct Change {
    method: Method,
    path: String,
    body: Option<Value>,
    seen: Option<String>,
    /// What a plan says, in part.
    told: &'static str,
}

fn change(
    method: Method,
    path: impl Into<String>,
    body: Option<Value>,
    seen: Option<&str>,
    told: &'static str,
) -> Change {
    Change {
        method,
        path: path.into(),
        body,
        seen: seen.map(str::to_owned),
        told,
    }
}

async fn tag(client: &Client, path: &str) -> String {
    let answer = client
        .request(Method::GET, path)
        .send()
        .await
        .expect("the host answers");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.headers()["etag"].to_str().expect("text").to_owned()
}

/// Everything there is, and what the change is about.
async fn state(client: &Client, change: &Change) -> (Value, Option<Value>) {
    let seen = match &change.seen {
        Some(path) => Some(client.get(path).await),
        None => None,
    };
    (everything(client).await, seen)
}

async fn holds(client: &Client, change: &Change) {
    let name = format!("{} {}", change.method, change.path);
    let request = |query: &str| {
        let request = client.request(change.method.clone(), &format!("{}{query}", change.path));
        match &change.body {
            Some(body) => request.json(body),
            None => request,
        }
    };
    let before = state(client, change).await;
    let told = request("?dry_run=true")
        .send()
        .await
        .expect("the host answers");
    assert_eq!(told.status(), StatusCode::OK, "{name}");
    let told = told.text().await.expect("text");
    assert!(told.contains(change.told), "{name}: {told}");
    if let Ok(plan) = serde_json::from_str::<Plan>(&told) {
        assert!(!plan.done, "{name}");
    }
    assert_eq!(state(client, change).await, before, "{name}");
    for query in ["", "?dry_run=true"] {
        let unseen = request(query).header("if-match", "\"0123456789abcdef\"");
        refuse(unseen, 412, "precondition-failed").await;
    }
    assert_eq!(state(client, change).await, before, "{name}");
    let tag = match &change.seen {
        Some(path) => tag(client, path).await,
        None => "*".to_owned(),
    };
    let done = request("")
        .header("if-match", tag)
        .send()
        .await
        .expect("the host answers");
    assert!(
        done.status().is_success(),
        "{name}: {:?}",
        done.text().await
    );
}

#[tokio::test]
async fn a_dry_run_only_tells_and_nobody_changes_what_they_have_not_seen() {
    let host = Host::start().await;
    let client = host.client().await;
    let new = json!({ "name": "ada", "password": GOOD });
    let _: CreatedUser = client.send(Method::POST, "/users", &new).await;
    let _: Project = client
        .send(Method::POST, "/projects", &json!({ "name": "shop" }))
        .await;
    let club = json!({ "name": "club", "owner": "ada" });
    let _: Project = client.send(Method::POST, "/projects", &club).await;
    let as_member = json!({ "role": "member" });
    for path in ["/projects/shop/members/ada", "/projects/club/members/admin"] {
        let _: Value = client.send(Method::PUT, path, &as_member).await;
    }
    let limit = |limit: u64| json!({ "project": "shop", "resource": "memory", "limit": limit });
    let quota: Quota = client.send(Method::PUT, "/quotas", &limit(1 << 30)).await;
    let binding = json!({ "user": "ada", "role": "project-viewer", "project": "shop" });
    let binding: AccessBinding = client
        .send(Method::POST, "/access-bindings", &binding)
        .await;
    let new = NewKey {
        name: "backup".to_owned(),
        ..NewKey::default()
    };
    let key: KeyWithSecret = client.send(Method::POST, "/self/keys", &new).await;
    let _ada = Client::login_as(&host.url(), host.apps(), "ada", GOOD).await;
    let _admin = Client::login_as(&host.url(), host.apps(), "admin", PASSWORD).await;
    let sessions: Page<Session> = client.get("/self/sessions").await;
    let other = sessions.items.iter().find(|session| !session.current);
    let other = other.expect("two sessions").id;

    let member = "/projects/shop/members/ada";
    let quota = format!("/quotas/{}", quota.id);
    let key = format!("/keys/{}", key.key.id);
    let jobs = Some(json!({ "keep_days": 90 }));
    let viewer = Some(json!({ "role": "viewer" }));
    for change in [
        change(
            Method::PUT,
            "/quotas",
            Some(limit(2 << 30)),
            Some(&quota),
            "1GiB → 2GiB",
        ),
        change(Method::PUT, member, viewer, Some(member), "member → viewer"),
        change(
            Method::DELETE,
            member,
            None,
            Some(member),
            "ada from the project shop",
        ),
        change(
            Method::POST,
            "/projects/club/actions/leave",
            None,
            Some("/projects/club/members/admin"),
            "you from the project club",
        ),
        change(
            Method::DELETE,
            format!("/access-bindings/{}", binding.id),
            None,
            None,
            "project-viewer of ada in shop",
        ),
        change(
            Method::PUT,
            "/config/jobs",
            jobs,
            Some("/config/jobs"),
            "90",
        ),
        change(
            Method::DELETE,
            "/config/jobs",
            None,
            Some("/config/jobs"),
            "30",
        ),
        change(
            Method::DELETE,
            "/users/ada/sessions",
            None,
            Some("/users/ada"),
            "1 session",
        ),
        change(
            Method::DELETE,
            "/users/ada/factors",
            None,
            Some("/users/ada"),
            "removes",
        ),
        change(
            Method::DELETE,
            format!("/self/sessions/{other}"),
            None,
            None,
            "the session of admin",
        ),
        change(Method::DELETE, key.clone(), None, Some(&key), "backup"),
    ] {
        holds(&client, &change).await;
    }
    // A change of many things has no one thing that could have been seen.
    let all = client.request(Method::POST, "/quotas/actions/enforce");
    refuse(all.header("if-match", "*"), 400, "condition-unsupported").await;
}
