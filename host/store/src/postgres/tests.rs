use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muster_e2e::servers::{Pair, Postgres};
use sea_orm::prelude::Uuid;
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep, timeout},
};

use super::DatabaseUrl;
use crate::{ChangeKind, Revisions, Store, StoreError, testing::app};

/// How long everybody may take to notice that a server is lost.
const NOTICE: Duration = Duration::from_secs(30);
/// How long changes may take to be made again, on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(url: &str) -> Store {
    Store::connect(&url.parse().unwrap()).await.unwrap()
}

async fn insert(store: &Store, name: String) -> Result<u64, StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.app_insert(&app(&name)).await?;
                tx.change_append("app", &name, ChangeKind::Created, None)
                    .await
            })
        })
        .await
}

async fn names(store: &Store) -> Vec<String> {
    let apps = store.app_all().await.unwrap();
    apps.into_iter().map(|app| app.name).collect()
}

/// Inserts until it works.
async fn insist(store: &Store, name: &str) {
    let begun = Instant::now();
    loop {
        match insert(store, name.to_owned()).await {
            Ok(_) => return,
            Err(StoreError::Unreachable { .. } | StoreError::Busy { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "it is never back");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn hears(revisions: &mut Revisions, revision: u64) {
    let heard = async {
        while revisions.latest() != revision {
            revisions.changed().await.unwrap();
        }
    };
    timeout(NOTICE, heard).await.expect("it is told");
}

#[tokio::test]
async fn hosts_hear_of_each_others_changes_and_take_turns() {
    let server = Postgres::start();
    let url = server.url(&server.database());
    let (one, two) = (connect(&url).await, connect(&url).await);
    let mut revisions = two.revisions();
    assert_eq!(insert(&one, "first".to_owned()).await.unwrap(), 1);
    hears(&mut revisions, 1).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = if number % 2 == 0 { &one } else { &two }.clone();
            tokio::spawn(async move { insert(&store, format!("app-{number}")).await })
        })
        .collect();
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.unwrap().unwrap());
    }
    given.sort_unstable();
    assert_eq!(given, (2..=21).collect::<Vec<u64>>());
    assert_eq!(names(&two).await.len(), 21);
    one.close().await.unwrap();
    let late = insert(&one, "late".to_owned()).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
    insert(&two, "last".to_owned()).await.unwrap();
}

/// Compared as people would, `B` comes after `a` and punctuation counts little.
#[tokio::test]
async fn text_is_in_the_order_of_its_bytes() {
    let server = Postgres::start();
    let database = server.database();
    let store = connect(&server.url(&database)).await;
    let mut expected =
        ["a", "B", "a-b", "ab", "a.c", "\u{e4}", "z", "Z", "_", "~"].map(String::from);
    for name in &expected {
        insert(&store, name.clone()).await.unwrap();
    }
    expected.sort_unstable();
    assert_eq!(names(&store).await, expected);
    let page = store.app_list(None, Some("a-b"), 2).await.unwrap();
    let page: Vec<_> = page.items.into_iter().map(|app| app.name).collect();
    assert_eq!(page, ["a.c", "ab"]);
}

/// Nobody wants to see a password in a log, nor to wonder why nothing works.
#[tokio::test]
async fn what_keeps_from_connecting_is_told_without_the_password() {
    let server = Postgres::start();
    let database = server.database();
    let good = server.url(&database);
    let nobody = muster_e2e::free_address().to_string();
    let at = server.address().to_string();
    for (url, why) in [
        (
            good.replace("p%40ss%2Fword", "hunter2"),
            "password authentication failed",
        ),
        (
            good.replace("muster:", "eve:"),
            "password authentication failed",
        ),
        (server.url("nothing"), "does not exist"),
        (good.replace(&at, &nobody), "refused"),
        (format!("{good}?sslmode=require"), "TLS"),
    ] {
        let url: DatabaseUrl = url.parse().unwrap();
        let error = Store::connect(&url).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(why), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("p@ss"),
            "{text}"
        );
    }
    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0");
    let latin: DatabaseUrl = server.url("latin").parse().unwrap();
    let error = Store::connect(&latin).await.unwrap_err();
    assert!(matches!(error, StoreError::Unsuitable { .. }), "{error:?}");
    assert!(error.to_string().contains("LATIN1"), "{error}");

    connect(&good).await.close().await.unwrap();
    server.sql(
        &database,
        "INSERT INTO seaql_migrations VALUES ('m29991231_000001_teleport', 0)",
    );
    // The next version has only added to it; the one after that has not.
    connect(&good).await.close().await.unwrap();
    server.sql(&database, "INSERT INTO schema_since VALUES ('999.0.0')");
    let error = Store::connect(&good.parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { ref change, .. } if change.ends_with("teleport")),
        "{error:?}"
    );
}

/// A host that is paused in the middle of a transaction keeps the others waiting
/// for seconds, and changes nothing when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_writer_holds_nobody_up_for_long() {
    let server = Postgres::start();
    let url = server.url(&server.database());
    let (paused, other) = (connect(&url).await, connect(&url).await);
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, until) = (Arc::clone(&begun), Arc::clone(&go_on));
    let writing = tokio::spawn(async move {
        let done: Result<(), StoreError> = paused
            .write(move |tx| {
                Box::pin(async move {
                    tx.app_insert(&app("late")).await?;
                    inside.notify_one();
                    until.notified().await;
                    tx.app_insert(&app("later")).await
                })
            })
            .await;
        (done, insert(&paused, "after".to_owned()).await)
    });
    begun.notified().await;
    insist(&other, "next").await;
    go_on.notify_one();
    let (done, after) = writing.await.unwrap();
    assert!(
        matches!(
            done,
            Err(StoreError::Busy { .. } | StoreError::Unreachable { .. })
        ),
        "{done:?}"
    );
    after.unwrap();
    assert_eq!(names(&other).await, ["after", "next"]);
}

/// The database itself ends a transaction of which a statement has failed. What
/// goes on regardless must not take that for success.
#[tokio::test]
async fn a_transaction_with_a_failed_statement_is_no_success() {
    let server = Postgres::start();
    let store = connect(&server.url(&server.database())).await;
    let done = store
        .write(|tx| {
            Box::pin(async move {
                tx.app_insert(&app("a")).await?;
                tx.app_insert(&app("a")).await.unwrap_err();
                Ok(())
            })
        })
        .await;
    assert!(done.is_err());
    assert_eq!(names(&store).await, [""; 0]);
    insert(&store, "b".to_owned()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Postgres::start();
    let store = connect(&server.url(&server.database())).await;
    insert(&store, "before".to_owned()).await.unwrap();
    let mut revisions = store.revisions();
    server.kill();
    let refused = insert(&store, "never".to_owned()).await;
    assert!(
        matches!(refused, Err(StoreError::Unreachable { .. })),
        "{refused:?}"
    );
    let read = store.app_all().await;
    assert!(
        matches!(read, Err(StoreError::Unreachable { .. })),
        "{read:?}"
    );
    server.start_again();
    insist(&store, "after").await;
    assert_eq!(names(&store).await, ["after", "before"]);
    hears(&mut revisions, 2).await;
}

/// The server is stopped in its tracks: nothing answers, no connection breaks.
/// Another is promoted; the old one goes on, and nobody believes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_takes_over_for_good() {
    let pair = Pair::start();
    let url = pair.url(&pair.primary.database());
    let store = connect(&url).await;
    insert(&store, "before".to_owned()).await.unwrap();
    pair.primary.pause();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.app_all().await }
    });
    pair.promote();
    insist(&store, "after").await;
    match waiting.await.unwrap() {
        // Before or after the other one was written.
        Ok(apps) => assert!((1..=2).contains(&apps.len()), "asked again: {}", apps.len()),
        // On a machine under load.
        Err(error) => assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}"),
    }
    pair.primary.resume();
    for number in 0..30 {
        sleep(Duration::from_millis(100)).await;
        insist(&store, &format!("then-{number}")).await;
    }
    assert_eq!(names(&store).await.len(), 32);
    // Who starts now is told of both, and takes the one that was promoted last.
    let later = connect(&url).await;
    assert_eq!(names(&later).await.len(), 32);
    let holder = Uuid::now_v7();
    let taken = later.lease_take("leader", holder, NOTICE).await.unwrap();
    assert!(taken.is_some());
    let stale = pair.primary.sql("postgres", "SELECT pg_is_in_recovery()");
    assert_eq!(
        stale, "f",
        "the old one still believes that it is the primary"
    );
}

/// Whatever happens to the primary, at whatever moment: what was acknowledged is
/// there, and what was refused is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_refused_is_there() {
    for pause in [false, true] {
        let mut pair = Pair::start();
        let store = connect(&pair.url(&pair.primary.database())).await;
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(Semaphore::new(0));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (store, stop) = (store.clone(), Arc::clone(&stop));
                let written = Arc::clone(&written);
                tokio::spawn(async move {
                    let mut outcomes = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let name = format!("{writer}-{}", outcomes.len());
                        let outcome = insert(&store, name.clone()).await;
                        if outcome.is_err() {
                            sleep(Duration::from_millis(50)).await;
                        } else {
                            written.add_permits(1);
                        }
                        outcomes.push((name, outcome));
                    }
                    outcomes
                })
            })
            .collect();
        // Enough to tell, however slow the disk is.
        let enough = timeout(PATIENCE, written.acquire_many(20)).await;
        drop(enough.expect("it writes").unwrap());
        if pause {
            pair.primary.pause();
        } else {
            pair.primary.kill();
        }
        pair.promote();
        insist(&store, "after").await;
        stop.store(true, Ordering::Relaxed);
        let mut outcomes = Vec::new();
        for writer in writers {
            outcomes.extend(writer.await.unwrap());
        }
        let there: HashSet<_> = names(&store).await.into_iter().collect();
        for (name, outcome) in outcomes {
            match outcome {
                Ok(_) => assert!(there.contains(&name), "{name} was acknowledged"),
                Err(StoreError::Unreachable { .. } | StoreError::Busy { .. }) => {
                    assert!(!there.contains(&name), "{name} was refused");
                }
                Err(StoreError::Unknown { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}
