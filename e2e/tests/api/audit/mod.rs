//! The audit log: what was done and what was refused, and that nobody can change
//! it without a trace.

mod refusals;
mod tampering;

use muster_api::{
    audit::{AuditOutcome, AuditRecord, AuditVerification},
    page::Page,
};
use muster_e2e::{Client, Host, eventually, only_field, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The entries that match, newest first.
pub async fn entries(client: &Client, query: &str) -> Vec<AuditRecord> {
    let page: Page<AuditRecord> = client.get(&format!("/audit?{query}")).await;
    page.items
}

/// Waits for the newest entry that matches.
pub async fn entry(client: &Client, query: &str) -> AuditRecord {
    eventually(query, async || {
        entries(client, query).await.into_iter().next()
    })
    .await
}

/// Makes a change that leaves an entry: the level of what the host logs.
pub async fn change(client: &Client, level: &str) -> Value {
    let body = json!({ "logging": { "level": level } });
    client.send(Method::PUT, "/logging", &body).await
}

#[tokio::test]
async fn a_change_says_who_did_what_by_what_from_where_before_and_after() {
    let host = Host::start().await;
    let client = host.client().await;
    change(&client, "debug").await;
    let record = entry(&client, "action=logging.set").await;
    let entry = &record.entry;
    assert_eq!(entry.actor, "admin");
    assert_eq!(entry.outcome, AuditOutcome::Done);
    assert_eq!(entry.subject, "logging");
    assert_eq!(entry.origin.as_deref(), Some("127.0.0.1"));
    let credential = entry.credential.as_deref().unwrap_or_default();
    assert!(credential.starts_with("session "), "{entry:?}");
    assert!(entry.request_id.is_some(), "{entry:?}");
    assert_eq!(entry.before.as_ref().unwrap()["level"], "info");
    assert_eq!(entry.after.as_ref().unwrap()["logging"]["level"], "debug");
}

#[tokio::test]
async fn entries_are_found_by_filters_and_come_in_pages() {
    let host = Host::start().await;
    let client = host.client().await;
    for level in ["debug", "warn", "info"] {
        change(&client, level).await;
    }
    let all = entries(&client, "").await;
    let numbers: Vec<u64> = all.iter().map(|record| record.number).collect();
    let down: Vec<u64> = (1..=numbers.len() as u64).rev().collect();
    assert_eq!(numbers, down, "newest first, without gaps");

    let changes = entries(&client, "action=logging.&actor=admin&outcome=done").await;
    assert_eq!(changes.len(), 3);
    let first: Page<AuditRecord> = client.get("/audit?action=logging.set&limit=2").await;
    assert_eq!(first.items, changes[..2]);
    let cursor = first.next.expect("there is more");
    let second: Page<AuditRecord> = client
        .get(&format!(
            "/audit?action=logging.set&limit=2&cursor={cursor}"
        ))
        .await;
    assert_eq!(
        (second.items.as_slice(), second.next),
        (&changes[2..], None)
    );

    for nothing in [
        "actor=nobody",
        "action=logging.set.more",
        "subject=loggin",
        "action=logging.set&outcome=refused",
        "action=logging.set&origin=192.0.2.1",
        "action=logging.set&until=2020-01-01T00:00:00Z",
        "since=2120-01-01T00:00:00Z",
    ] {
        assert_eq!(entries(&client, nothing).await, [], "{nothing}");
    }
    let since = "action=logging.set&since=2020-01-01T00:00:00Z&subject=logging&origin=127.0.0.1";
    assert_eq!(entries(&client, since).await.len(), 3);

    let cursor = client.request(Method::GET, "/audit?cursor=x");
    assert_eq!(
        only_field(&refuse(cursor, 422, "invalid-request").await),
        "cursor"
    );
    for bad in ["outcome=perhaps", "since=yesterday"] {
        let request = client.request(Method::GET, &format!("/audit?{bad}"));
        refuse(request, 400, "invalid-query").await;
    }
}

#[tokio::test]
async fn the_export_is_what_the_list_shows_oldest_first() {
    let host = Host::start().await;
    let client = host.client().await;
    for level in ["debug", "warn", "info"] {
        change(&client, level).await;
    }
    let mut listed = entries(&client, "action=logging.").await;
    listed.reverse();
    let export = client.request(Method::GET, "/audit/export?action=logging.");
    let response = export.send().await.expect("the host answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.expect("a body");
    let exported: Vec<AuditRecord> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an entry"))
        .collect();
    assert_eq!(exported, listed);
}

#[tokio::test]
async fn a_host_that_nobody_meddled_with_has_a_whole_log() {
    let mut host = Host::start().await;
    let client = host.client().await;
    change(&client, "debug").await;
    let found: AuditVerification = client.get("/audit/verification").await;
    assert!(found.whole, "{found:?}");
    assert_eq!(found.head.number, found.entries);

    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    let noted = found.head;
    let found: AuditVerification = client
        .get(&format!("/audit/verification?head={noted}"))
        .await;
    assert!(found.whole && found.head.number > noted.number, "{found:?}");

    let other = format!("1:{}", "0".repeat(64));
    let found: AuditVerification = client
        .get(&format!("/audit/verification?head={other}"))
        .await;
    assert_eq!(found.broken.expect("it differs").number, 1);
    let request = client.request(Method::GET, "/audit/verification?head=17");
    assert_eq!(
        only_field(&refuse(request, 422, "invalid-request").await),
        "head"
    );
}
