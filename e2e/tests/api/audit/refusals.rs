//! What is refused is written down, floods are folded, and nothing secret gets
//! in by mistake.

use muster_api::audit::{AuditOutcome, AuditRecord};
use muster_e2e::{Client, Host, PASSWORD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{entries, entry};

async fn log_in(client: &Client, name: &str, password: &str) -> StatusCode {
    let form = [
        ("grant_type", "password"),
        ("username", name),
        ("password", password),
    ];
    let request = client.anonymous(Method::POST, "/oauth/token").form(&form);
    request.send().await.expect("the host answers").status()
}

fn refused(record: &AuditRecord, actor: &str, reason: &str) {
    let entry = &record.entry;
    assert_eq!(entry.outcome, AuditOutcome::Refused, "{entry:?}");
    assert_eq!(entry.actor, actor, "{entry:?}");
    assert_eq!(entry.reason.as_deref(), Some(reason), "{entry:?}");
    assert_eq!(entry.origin.as_deref(), Some("127.0.0.1"), "{entry:?}");
    assert!(entry.request_id.is_some(), "{entry:?}");
    assert_eq!((&entry.before, &entry.after), (&None, &None), "{entry:?}");
}

#[tokio::test]
async fn refused_attempts_are_written_down() {
    let host = Host::start().await;
    let client = host.client().await;

    assert_eq!(
        log_in(&client, "admin", "wrong").await,
        StatusCode::BAD_REQUEST
    );
    let record = entry(&client, "outcome=refused&action=token.create&actor=admin").await;
    refused(&record, "admin", "invalid_grant");
    assert_eq!(record.entry.subject, "/oauth/token");

    let forged = client
        .anonymous(Method::DELETE, "/api/v1/apps/shop?dry_run=false")
        .bearer_auth("not-a-token");
    assert_eq!(
        forged.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let record = entry(&client, "outcome=refused&action=app.delete").await;
    refused(&record, "(unknown)", "unauthorized");
    assert_eq!(record.entry.subject, "shop", "as of what is done");

    let gone = client.request(Method::DELETE, "/apps/gone");
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let record = entry(&client, "outcome=refused&subject=gone").await;
    refused(&record, "admin", "app-not-found");
    let credential = record.entry.credential.unwrap_or_default();
    assert!(credential.starts_with("session "), "{credential}");
}

#[tokio::test]
async fn what_is_no_attempt_leaves_no_entry() {
    let host = Host::start().await;
    let client = host.client().await;
    let (none, there) = (StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND);
    let anonymous = client.anonymous(Method::GET, "/api/v1/info");
    assert_eq!(anonymous.send().await.unwrap().status(), none);
    let look = client.request(Method::GET, "/apps/gone");
    assert_eq!(look.send().await.unwrap().status(), there);
    let nowhere = client.request(Method::DELETE, "/nowhere");
    assert_eq!(nowhere.send().await.unwrap().status(), there);
    // They are written in their order: after this one they would be there.
    let last = client.request(Method::DELETE, "/apps/last");
    assert_eq!(last.send().await.unwrap().status(), there);
    entry(&client, "subject=last").await;
    let all = entries(&client, "outcome=refused").await;
    assert_eq!(all.len(), 1, "{all:?}");
}

#[tokio::test]
async fn a_flood_is_folded() {
    let mut host = Host::start().await;
    let client = host.client().await;
    for _ in 0..60 {
        let request = client.request(Method::DELETE, "/apps/gone");
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
    entry(&client, "outcome=refused").await;
    // What was folded is written at the latest when the host stops.
    assert!(host.stop().await.success());
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let all = entries(&client, "outcome=refused").await;
    let times: Vec<u64> = all.iter().map(|record| record.entry.times).collect();
    assert_eq!(times, [59, 1]);
}

#[tokio::test]
async fn too_many_requests_of_an_address_are_written_down_and_folded() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let limits = json!({ "address": { "per_minute": 1, "burst": 2 } });
    let _: Value = client
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    let mut refused_times = 0;
    for number in 0..20 {
        let path = format!("/api/v1/apps/{number}");
        let request = client.anonymous(Method::GET, &path);
        let status = request.send().await.unwrap().status();
        refused_times += u64::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused_times >= 17, "{refused_times}");
    let first = entry(&client, "outcome=refused&action=request").await;
    refused(&first, "(unknown)", "rate-limited");
    assert_eq!(first.entry.subject, "(any)");
    assert!(host.stop().await.success());
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let all = entries(&client, "outcome=refused&action=request").await;
    let times: Vec<u64> = all.iter().map(|record| record.entry.times).collect();
    assert_eq!(times, [refused_times - 1, 1]);
}

#[tokio::test]
async fn a_password_typed_as_a_name_is_forgotten() {
    let host = Host::start().await;
    let client = host.client().await;
    let secret = "tr0ub4dor&3-typed-too-early";
    assert_eq!(
        log_in(&client, secret, PASSWORD).await,
        StatusCode::BAD_REQUEST
    );
    let record = entry(&client, "outcome=refused&action=token.create").await;
    refused(&record, "(unknown)", "invalid_grant");
    let export = client.request(Method::GET, "/audit/export");
    let text = export.send().await.unwrap().text().await.unwrap();
    assert!(
        !text.contains("tr0ub4dor") && !text.contains(PASSWORD),
        "{text}"
    );
    assert!(!host.log().contains("tr0ub4dor"));
}
