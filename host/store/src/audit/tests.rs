use muster_api::audit::{AuditEntry, AuditFilter, AuditHead, AuditOutcome, AuditVerification};
use muster_e2e::servers::on_postgres;
use serde_json::json;
use time::Duration;

use super::AuditKeep;
use crate::{Store, now, testing::store};

fn entry(subject: &str) -> AuditEntry {
    AuditEntry {
        at: now(),
        actor: "ada".to_owned(),
        credential: Some("session 1".to_owned()),
        action: "app.scale".to_owned(),
        subject: subject.to_owned(),
        outcome: AuditOutcome::Done,
        reason: None,
        times: 1,
        before: Some(json!({ "instances": 1, "b": [], "a": { "z": null, "share": 0.1 } })),
        after: None,
        origin: Some("127.0.0.1".to_owned()),
        request_id: None,
    }
}

async fn append(store: &Store, entries: Vec<AuditEntry>) {
    store
        .write(|tx| {
            Box::pin(async move {
                for entry in &entries {
                    tx.audit_append(entry).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
}

async fn with(subjects: &[&str]) -> (Store, crate::testing::Place) {
    let (store, dir) = store().await;
    append(
        &store,
        subjects.iter().map(|subject| entry(subject)).collect(),
    )
    .await;
    (store, dir)
}

async fn verify(store: &Store) -> AuditVerification {
    store.audit_verify(None).await.unwrap()
}

async fn broken_at(store: &Store) -> Option<u64> {
    verify(store).await.broken.map(|broken| broken.number)
}

async fn subjects(store: &Store, filter: AuditFilter) -> Vec<String> {
    let page = store.audit_list(&filter, None, 100).await.unwrap();
    let subjects = page.items.into_iter().map(|record| record.entry.subject);
    subjects.collect()
}

async fn prune(store: &Store, keep: AuditKeep, limit: u64) -> u64 {
    store
        .write(move |tx| Box::pin(async move { tx.audit_prune(keep, limit).await }))
        .await
        .unwrap()
}

#[tokio::test]
async fn entries_are_read_newest_first_and_exported_oldest_first() {
    let (store, _dir) = with(&["a", "b", "c"]).await;
    let all = AuditFilter::default();
    let page = store.audit_list(&all, None, 2).await.unwrap();
    let numbers: Vec<u64> = page.items.iter().map(|record| record.number).collect();
    assert_eq!(numbers, [3, 2]);
    let cursor = page.next.unwrap().parse().unwrap();
    let rest = store.audit_list(&all, Some(cursor), 2).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert_eq!(rest.items[0].entry.subject, "a");
    let before = rest.items[0].entry.before.as_ref().unwrap();
    assert_eq!(before["a"]["share"], "0.1", "fractions are text");

    let exported = store.audit_after(&all, 1, 10).await.unwrap();
    let numbers: Vec<u64> = exported.iter().map(|record| record.number).collect();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(exported[0].hash, exported[1].previous);
}

#[tokio::test]
async fn filters_leave_what_matches() {
    let (store, _dir) = store().await;
    let mut refused = entry("b");
    refused.outcome = AuditOutcome::Refused;
    refused.reason = Some("forbidden".to_owned());
    refused.actor = "bob".to_owned();
    refused.action = "APP.delete".to_owned();
    refused.at += Duration::hours(1);
    let mut far = entry("c");
    far.origin = Some("192.0.2.1".to_owned());
    far.action = "route.add".to_owned();
    append(&store, vec![entry("a"), refused.clone(), far]).await;
    let text = |text: &str| Some(text.to_owned());
    let one = AuditFilter::default;
    for (filter, expected) in [
        (one(), vec!["c", "b", "a"]),
        (
            AuditFilter {
                actor: text("bob"),
                ..one()
            },
            vec!["b"],
        ),
        (
            AuditFilter {
                action: text("app."),
                ..one()
            },
            vec!["a"],
        ),
        (
            AuditFilter {
                action: text("app.%"),
                ..one()
            },
            vec![],
        ),
        (
            AuditFilter {
                subject: text("c"),
                ..one()
            },
            vec!["c"],
        ),
        (
            AuditFilter {
                outcome: Some(AuditOutcome::Refused),
                ..one()
            },
            vec!["b"],
        ),
        (
            AuditFilter {
                origin: text("192.0.2.1"),
                ..one()
            },
            vec!["c"],
        ),
        (
            AuditFilter {
                since: Some(refused.at),
                ..one()
            },
            vec!["b"],
        ),
        (
            AuditFilter {
                until: Some(refused.at),
                ..one()
            },
            vec!["c", "a"],
        ),
        (
            AuditFilter {
                actor: text("ada"),
                origin: text("127.0.0.1"),
                ..one()
            },
            vec!["a"],
        ),
    ] {
        assert_eq!(
            subjects(&store, filter.clone()).await,
            expected,
            "{filter:?}"
        );
    }
}

#[tokio::test]
async fn what_was_written_is_whole() {
    let (store, _dir) = store().await;
    let empty = verify(&store).await;
    assert!(empty.whole && empty.head.number == 0, "{empty:?}");
    append(&store, (0..1200).map(|at| entry(&at.to_string())).collect()).await;
    let found = verify(&store).await;
    assert!(found.whole, "{found:?}");
    assert_eq!((found.entries, found.head.number), (1200, 1200));
    assert_eq!(store.audit_head().await.unwrap(), found.head);
}

#[tokio::test]
async fn whatever_is_done_to_the_table_is_found() {
    for (sql, number) in [
        ("UPDATE audit SET actor = 'eve' WHERE id = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE id = 3", 3),
        ("UPDATE audit SET outcome = 'refused' WHERE id = 3", 3),
        ("UPDATE audit SET outcome = 'perhaps' WHERE id = 3", 3),
        ("UPDATE audit SET credential = NULL WHERE id = 3", 3),
        (
            "UPDATE audit SET before = '{\"instances\":2}' WHERE id = 3",
            3,
        ),
        ("UPDATE audit SET before = 'not JSON' WHERE id = 3", 3),
        ("UPDATE audit SET before = NULL WHERE id = 3", 3),
        ("UPDATE audit SET hash = upper(hash) WHERE id = 3", 3),
        ("UPDATE audit SET previous = hash WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("DELETE FROM audit WHERE id = 3", 4),
        ("DELETE FROM audit WHERE id >= 4", 4),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit_head", 5),
        (
            "UPDATE audit SET id = 99 WHERE id = 2;
             UPDATE audit SET id = 2 WHERE id = 3;
             UPDATE audit SET id = 3 WHERE id = 99",
            2,
        ),
        (
            "INSERT INTO audit (id, at, actor, action, subject, previous, hash)
             SELECT 6, at, actor, action, subject, hash, hash FROM audit WHERE id = 5",
            6,
        ),
        (
            "INSERT INTO audit (id, at, actor, action, subject, previous, hash)
             SELECT 0, at, actor, action, subject, previous, hash FROM audit WHERE id = 1",
            0,
        ),
        (
            "INSERT INTO audit_checkpoints (number, hash, entries, at)
             SELECT 2, hash, 2, at FROM audit WHERE id = 2;
             DELETE FROM audit WHERE id <= 2",
            3,
        ),
    ] {
        if sql.contains("not JSON") && on_postgres() {
            // Such a column holds nothing but JSON there.
            continue;
        }
        let (store, _dir) = with(&["a", "b", "c", "d", "e"]).await;
        assert_eq!(broken_at(&store).await, None);
        store.execute(sql).await;
        assert_eq!(broken_at(&store).await, Some(number), "{sql}");
    }
}

/// Somebody who can write the database can hash everything anew; but not so
/// that it fits what was noted elsewhere.
#[tokio::test]
async fn a_noted_head_shows_what_was_written_anew() {
    let (store, _dir) = with(&["a", "b", "c"]).await;
    let noted = store.audit_head().await.unwrap();
    append(&store, vec![entry("d")]).await;
    assert!(store.audit_verify(Some(noted.clone())).await.unwrap().whole);

    // Cut off at the end, head and all.
    store
        .execute(
            "DELETE FROM audit WHERE id > 2;
             UPDATE audit_head SET number = 2, hash = (SELECT hash FROM audit WHERE id = 2)",
        )
        .await;
    assert!(
        verify(&store).await.whole,
        "nothing in the database shows it"
    );
    let found = store.audit_verify(Some(noted.clone())).await.unwrap();
    assert_eq!(found.broken.unwrap().number, 3);

    // Written anew from there on.
    append(&store, vec![entry("x"), entry("y")]).await;
    assert!(
        verify(&store).await.whole,
        "nothing in the database shows it"
    );
    let found = store.audit_verify(Some(noted)).await.unwrap();
    assert_eq!(found.broken.unwrap().number, 3);
}

#[tokio::test]
async fn what_is_removed_because_of_its_age_leaves_a_whole_log() {
    let (store, _dir) = store().await;
    let day = |days: i64, subject: &str| {
        let mut entry = entry(subject);
        entry.at -= Duration::days(days);
        entry
    };
    append(
        &store,
        vec![day(9, "a"), day(8, "b"), day(7, "c"), day(1, "d")],
    )
    .await;
    let head = store
        .audit_after(&AuditFilter::default(), 2, 1)
        .await
        .unwrap();
    let noted = AuditHead {
        number: head[0].number,
        hash: head[0].hash.clone(),
    };
    let early = store
        .audit_after(&AuditFilter::default(), 0, 1)
        .await
        .unwrap();
    let keep = AuditKeep {
        since: Some(now() - Duration::days(5)),
        entries: 1000,
    };
    assert_eq!(prune(&store, keep, 2).await, 2, "in rounds");
    assert!(verify(&store).await.whole);
    assert_eq!(prune(&store, keep, 2).await, 1);
    assert_eq!(prune(&store, keep, 2).await, 0);
    let found = verify(&store).await;
    assert!(found.whole, "{found:?}");
    assert_eq!((found.pruned, found.entries, found.head.number), (3, 3, 6));
    assert_eq!(
        subjects(&store, AuditFilter::default()).await,
        ["audit", "audit", "d"]
    );

    // The checkpoint stands for what was noted there; what lies before it is
    // beyond comparison.
    assert!(store.audit_verify(Some(noted)).await.unwrap().whole);
    let early = AuditHead {
        number: early[0].number,
        hash: early[0].hash.clone(),
    };
    let found = store.audit_verify(Some(early)).await.unwrap();
    assert_eq!(found.broken.unwrap().number, 1);

    // A removal that nobody has told of, and one further than was told.
    store.execute("DELETE FROM audit WHERE id = 4").await;
    assert_eq!(broken_at(&store).await, Some(5));
}

#[tokio::test]
async fn when_there_are_too_many_the_oldest_tenth_goes() {
    let (store, _dir) = store().await;
    append(&store, (0..20).map(|at| entry(&at.to_string())).collect()).await;
    let keep = AuditKeep {
        since: None,
        entries: 20,
    };
    assert_eq!(prune(&store, keep, 1000).await, 0);
    append(&store, vec![entry("20")]).await;
    assert_eq!(prune(&store, keep, 1000).await, 3);
    assert!(verify(&store).await.whole);
    assert_eq!(prune(&store, keep, 1000).await, 0);
}

#[tokio::test]
async fn everything_may_go_and_numbers_go_on() {
    let (store, _dir) = with(&["a", "b"]).await;
    let keep = AuditKeep {
        since: Some(now() + Duration::days(1)),
        entries: 1000,
    };
    assert_eq!(prune(&store, keep, 1000).await, 2);
    append(&store, vec![entry("c")]).await;
    let found = verify(&store).await;
    assert!(found.whole, "{found:?}");
    assert_eq!((found.head.number, found.pruned), (4, 2));
}

#[tokio::test]
async fn what_an_older_version_wrote_is_put_into_the_chain() {
    let (store, dir) = with(&["a", "b", "c"]).await;
    // As before the migration: gaps, no hashes, no head, a fraction.
    store
        .execute(
            "UPDATE audit SET hash = '', previous = '', credential = NULL;
             UPDATE audit SET id = 7, before = '{\"x\":0.25}' WHERE id = 3;
             DELETE FROM audit WHERE id = 1;
             DELETE FROM audit_head",
        )
        .await;
    store.close().await.unwrap();
    let store = dir.open().await;
    let found = verify(&store).await;
    assert!(found.whole, "{found:?}");
    assert_eq!(found.head.number, 2);
    assert_eq!(subjects(&store, AuditFilter::default()).await, ["c", "b"]);
    append(&store, vec![entry("d")]).await;
    assert!(verify(&store).await.whole);

    // A head that is lost later is not made anew from whatever is left.
    store.execute("DELETE FROM audit_head").await;
    store.close().await.unwrap();
    let store = dir.open().await;
    assert_eq!(broken_at(&store).await, Some(3));
}

#[tokio::test]
async fn writers_at_the_same_time_make_one_chain() {
    let (store, _dir) = store().await;
    let writers: Vec<_> = (0..20)
        .map(|at| {
            let store = store.clone();
            tokio::spawn(async move { append(&store, vec![entry(&at.to_string())]).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let found = verify(&store).await;
    assert!(found.whole && found.entries == 20, "{found:?}");
}

#[tokio::test]
async fn what_is_rolled_back_leaves_no_gap() {
    let (store, _dir) = with(&["a"]).await;
    let failed: Result<(), _> = store
        .write(|tx| {
            Box::pin(async move {
                tx.audit_append(&entry("b")).await?;
                Err(crate::StoreError::Closed)
            })
        })
        .await;
    failed.unwrap_err();
    append(&store, vec![entry("c")]).await;
    let found = verify(&store).await;
    assert!(found.whole && found.head.number == 2, "{found:?}");
}
