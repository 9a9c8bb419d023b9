use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::ConnectionTrait;
use tokio::sync::Notify;

use super::Store;
use crate::{
    ChangeKind, StoreError,
    testing::{app, in_file, store},
    version,
};

/// Runs a statement on the connection that writes.
async fn execute(store: &Store, sql: &str) {
    store.execute(sql).await;
}

async fn insert_app(store: &Store, name: &'static str) -> Result<(), StoreError> {
    store
        .write(move |tx| Box::pin(async move { tx.app_insert(&app(name)).await }))
        .await
}

async fn names(store: &Store) -> Vec<String> {
    store
        .app_all()
        .await
        .unwrap()
        .into_iter()
        .map(|app| app.name)
        .collect()
}

#[tokio::test]
async fn a_failed_transaction_changes_nothing() {
    let (store, _dir) = store().await;
    let refused: Result<(), StoreError> = store
        .write(|tx| {
            Box::pin(async move {
                tx.app_insert(&app("a")).await?;
                assert!(
                    tx.app_by_name("a").await?.is_some(),
                    "a transaction sees its own changes"
                );
                tx.app_insert(&app("a")).await
            })
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    assert_eq!(names(&store).await, [""; 0]);
}

#[derive(Debug)]
enum Refusal {
    Rule(&'static str),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[tokio::test]
async fn a_refusal_of_the_callers_own_rolls_back() {
    let (store, _dir) = store().await;
    let refused: Result<(), Refusal> = store
        .write_or_refuse(|tx| {
            Box::pin(async move {
                tx.app_insert(&app("a")).await?;
                Err(Refusal::Rule("no more apps today"))
            })
        })
        .await;
    assert!(
        matches!(refused, Err(Refusal::Rule("no more apps today"))),
        "{refused:?}"
    );
    assert_eq!(names(&store).await, [""; 0]);

    insert_app(&store, "a").await.unwrap();
    let taken: Result<(), Refusal> = store
        .write_or_refuse(|tx| Box::pin(async move { Ok(tx.app_insert(&app("a")).await?) }))
        .await;
    assert!(
        matches!(taken, Err(Refusal::Store(StoreError::Conflict { .. }))),
        "{taken:?}"
    );
}

#[tokio::test]
async fn a_panic_rolls_back_and_reaches_the_caller() {
    let (store, _dir) = store().await;
    let writing = store.clone();
    let panicked = tokio::spawn(async move {
        writing
            .write::<(), _>(|tx| {
                Box::pin(async move {
                    tx.app_insert(&app("a")).await?;
                    panic!("a slip");
                })
            })
            .await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    insert_app(&store, "b").await.unwrap();
    assert_eq!(names(&store).await, ["b"]);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_wedges_nothing() {
    let (store, _dir) = store().await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, until) = (Arc::clone(&begun), Arc::clone(&go_on));
    let caller = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(|tx| {
                    Box::pin(async move {
                        tx.app_insert(&app("left-alone")).await?;
                        inside.notify_one();
                        until.notified().await;
                        tx.change_append("app", "left-alone", ChangeKind::Created, None)
                            .await
                    })
                })
                .await
        })
    };
    begun.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let next = tokio::spawn({
        let store = store.clone();
        async move { insert_app(&store, "next").await }
    });
    go_on.notify_one();
    next.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["left-alone", "next"]);
    assert_eq!(store.revisions().latest(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_writers_and_readers_get_along() {
    let (store, _dir) = store().await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        Box::pin(async move {
                            let count: u32 = tx.setting_get("count").await?.unwrap_or_default();
                            tx.app_insert(&app(&format!("app-{number}"))).await?;
                            tx.setting_put("count", &(count + 1)).await?;
                            tx.change_append("app", number, ChangeKind::Created, None)
                                .await
                        })
                    })
                    .await?;
                store.app_by_name(&format!("app-{number}")).await
            })
        })
        .collect();
    for task in tasks {
        assert!(
            task.await.unwrap().unwrap().is_some(),
            "what was written is seen at once"
        );
    }
    assert_eq!(store.setting_get::<u32>("count").await.unwrap(), Some(50));
    assert_eq!(store.change_latest().await.unwrap(), 50);
    assert_eq!(store.revisions().latest(), 50);
}

#[tokio::test]
async fn a_reader_sees_one_state_throughout() {
    let (store, _dir) = store().await;
    insert_app(&store, "a").await.unwrap();
    let writing = store.clone();
    let (before, after) = store
        .read(|db| {
            Box::pin(async move {
                let before = db.app_all().await?.len();
                insert_app(&writing, "b").await?;
                Ok((before, db.app_all().await?.len()))
            })
        })
        .await
        .unwrap();
    assert_eq!((before, after), (1, 1));
    assert_eq!(names(&store).await, ["a", "b"]);
}

fn log_of(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

/// Copies a database with its write-ahead log, as a loss of power would leave it.
fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    std::fs::copy(log_of(from), log_of(to)).unwrap();
}

#[tokio::test]
async fn after_a_crash_there_is_what_was_committed() {
    let (store, dir) = in_file().await;
    insert_app(&store, "committed").await.unwrap();
    // With next to no cache, changes reach the log before they are committed.
    execute(&store, "PRAGMA cache_size = 1").await;
    let (database, crashed) = (dir.path().join("muster.db"), dir.path().join("crashed.db"));
    let to = crashed.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let before = log_of(&database).metadata().unwrap().len();
                for number in 0..200 {
                    tx.app_insert(&app(&format!("half-done-{number}"))).await?;
                }
                assert!(
                    log_of(&database).metadata().unwrap().len() > before,
                    "nothing is half done yet"
                );
                copy(&database, &to);
                Ok(())
            })
        })
        .await
        .unwrap();
    let reopened = Store::open(&crashed).await.unwrap();
    assert_eq!(names(&reopened).await, ["committed"]);
    insert_app(&reopened, "afterwards").await.unwrap();
    assert_eq!(names(&store).await.len(), 201);
}

#[tokio::test]
async fn a_closed_store_opens_again_with_all_it_knew() {
    let (store, dir) = store().await;
    store
        .write(|tx| {
            Box::pin(async move {
                tx.change_append("app", "a", ChangeKind::Created, None)
                    .await
            })
        })
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.app_all().await, Err(StoreError::Closed)));
    assert!(matches!(
        insert_app(&store, "late").await,
        Err(StoreError::Closed)
    ));
    let reopened = dir.open().await;
    assert_eq!(reopened.revisions().latest(), 1);
}

#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (store, dir) = in_file().await;
    insert_app(&store, "a").await.unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            entry.file_name()
        );
    }
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.db");
    std::fs::write(&path, "dear diary, ".repeat(1000)).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("muster.db"), "{error}");
    assert!(matches!(
        Store::open(dir.path()).await,
        Err(StoreError::Unreadable { .. })
    ));
    let nowhere = dir.path().join("nowhere/muster.db");
    assert!(matches!(
        Store::open(&nowhere).await,
        Err(StoreError::Unreadable { .. })
    ));
}

#[tokio::test]
async fn a_damaged_database_is_told_when_it_is_opened() {
    let (store, dir) = in_file().await;
    for name in ["a", "b", "c"] {
        insert_app(&store, name).await.unwrap();
    }
    store.close().await.unwrap();
    let path = dir.path().join("muster.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unreadable { ref database, .. } if *database == path.display().to_string()),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (store, dir) = in_file().await;
    execute(
        &store,
        "INSERT INTO seaql_migrations VALUES ('m29991231_000001_teleport', 0)",
    )
    .await;
    execute(&store, "INSERT INTO schema_since VALUES ('999.0.0')").await;
    store.close().await.unwrap();
    let error = Store::open(&dir.path().join("muster.db"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { ref change, .. } if change.ends_with("teleport")),
        "{error:?}"
    );
}

/// As the next version would leave it behind, which has only added to it.
#[tokio::test]
async fn a_newer_schema_that_only_adds_is_worked_with() {
    let (store, dir) = in_file().await;
    for change in [
        "INSERT INTO seaql_migrations VALUES ('m29991231_000001_teleport', 0)",
        "ALTER TABLE clusters ADD COLUMN teleports bigint NOT NULL DEFAULT 0",
        "CREATE TABLE teleports (id text PRIMARY KEY)",
    ] {
        execute(&store, change).await;
    }
    store.close().await.unwrap();
    let path = dir.path().join("muster.db");
    for (name, since) in [("a", "0.0.9"), ("b", version())] {
        let store = Store::open(&path).await.unwrap();
        insert_app(&store, name).await.unwrap();
        let more = format!("INSERT INTO schema_since VALUES ('{since}') ON CONFLICT DO NOTHING");
        execute(&store, &more).await;
        store.close().await.unwrap();
    }
    // It says that it needs a version that this one is not.
    let store = Store::open(&path).await.unwrap();
    execute(&store, "INSERT INTO schema_since VALUES ('999.0.0')").await;
    store.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_harms_nothing() {
    let (store, _dir) = in_file().await;
    insert_app(&store, "a").await.unwrap();
    execute(&store, "PRAGMA max_page_count = 1").await;
    let full: Result<(), StoreError> = store
        .write(|tx| Box::pin(async move { tx.setting_put("long", &"x".repeat(1 << 20)).await }))
        .await;
    assert!(matches!(full, Err(StoreError::NoSpace)), "{full:?}");
    assert_eq!(names(&store).await, ["a"]);
    execute(&store, "PRAGMA max_page_count = 1000000").await;
    insert_app(&store, "b").await.unwrap();
}

/// As SQLite does by itself when a commit finds the disk full.
#[tokio::test]
async fn a_transaction_that_the_database_ended_takes_none_with_it() {
    let (store, _dir) = in_file().await;
    let ended: Result<(), StoreError> = store
        .write(|tx| {
            Box::pin(async move {
                tx.db().execute_unprepared("ROLLBACK").await?;
                Ok(())
            })
        })
        .await;
    assert!(ended.is_err(), "there was nothing left to commit");
    insert_app(&store, "a").await.unwrap();
    insert_app(&store, "a").await.unwrap_err();
    insert_app(&store, "b").await.unwrap();
    assert_eq!(names(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_told() {
    let (store, _dir) = in_file().await;
    execute(&store, "PRAGMA query_only = ON").await;
    assert!(matches!(
        insert_app(&store, "a").await,
        Err(StoreError::ReadOnly)
    ));
    assert_eq!(names(&store).await, [""; 0]);
}
