use std::{sync::Arc, time::Duration};

use sea_orm::prelude::Uuid;
use tokio::sync::Notify;

use super::Fence;
use crate::{
    StoreError,
    testing::{app, store},
};

const LIFE: Duration = Duration::from_secs(3600);

/// Lets a lease run out as time would.
const RUN_OUT: &str = "UPDATE leases SET expires_at = 1";

async fn insert(store: &crate::Store, name: &'static str) -> Result<(), StoreError> {
    store
        .write(move |tx| Box::pin(async move { tx.app_insert(&app(name)).await }))
        .await
}

#[tokio::test]
async fn one_at_a_time_holds_a_lease() {
    let (store, _dir) = store().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(store.lease_show("leader").await.unwrap(), None);
    let first = store.lease_take("leader", ada, LIFE).await.unwrap();
    assert_eq!(first, Some(Fence(1)));
    assert_eq!(store.lease_take("leader", grace, LIFE).await.unwrap(), None);
    let renewed = store.lease_take("leader", ada, LIFE).await.unwrap();
    assert_eq!(renewed, first, "a renewal keeps the number");
    let shown = store.lease_show("leader").await.unwrap().unwrap();
    assert_eq!((shown.holder, shown.fence), (ada, Fence(1)));
    assert!(shown.remaining > LIFE / 2 && shown.remaining <= LIFE);
    let other = store.lease_take("other", grace, LIFE).await.unwrap();
    assert_eq!(other, Some(Fence(1)), "leases do not touch each other");
}

#[tokio::test]
async fn a_number_grows_with_each_holder_and_each_gap() {
    let (store, _dir) = store().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    store.lease_take("leader", ada, LIFE).await.unwrap();
    store.execute(RUN_OUT).await;
    let remaining = store.lease_show("leader").await.unwrap().unwrap().remaining;
    assert_eq!(remaining, Duration::ZERO);
    let again = store.lease_take("leader", ada, LIFE).await.unwrap();
    assert_eq!(again, Some(Fence(2)), "there was a gap");
    store.execute(RUN_OUT).await;
    let next = store.lease_take("leader", grace, LIFE).await.unwrap();
    assert_eq!(next, Some(Fence(3)));

    let stale = store.lease_release("leader", ada, Fence(2)).await.unwrap();
    assert!(!stale, "it is not hers any more");
    assert_eq!(store.lease_take("leader", ada, LIFE).await.unwrap(), None);
    let given_up = store.lease_release("leader", grace, Fence(3)).await;
    assert!(given_up.unwrap());
    let last = store.lease_take("leader", ada, LIFE).await.unwrap();
    assert_eq!(last, Some(Fence(4)));
}

#[tokio::test]
async fn a_lease_is_passed_on_by_whoever_has_it() {
    let (store, _dir) = store().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    let pass = async |from, fence, to| {
        let passed = store.lease_pass("leader", from, Fence(fence), to, LIFE);
        passed.await.unwrap()
    };
    assert!(!pass(ada, 1, grace).await, "nobody has it");
    store.lease_take("leader", ada, LIFE).await.unwrap();
    let hers = store.fenced("leader", Fence(1));
    assert!(!pass(grace, 1, grace).await, "it is another one's");
    assert!(pass(ada, 1, grace).await);
    assert!(!pass(ada, 1, ada).await, "not hers any more");
    let late = insert(&hers, "late").await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(store.lease_take("leader", ada, LIFE).await.unwrap(), None);
    let taken = store.lease_take("leader", grace, LIFE).await.unwrap();
    assert_eq!(taken, Some(Fence(2)), "it waits for her with its number");
    store.execute(RUN_OUT).await;
    assert!(!pass(grace, 2, ada).await, "it has run out");
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing_any_more() {
    let (store, _dir) = store().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    let none = insert(&store.fenced("leader", Fence(1)), "none").await;
    assert!(matches!(none, Err(StoreError::Fenced { ref lease }) if lease == "leader"));

    let fence = store.lease_take("leader", ada, LIFE).await.unwrap();
    let hers = store.fenced("leader", fence.unwrap());
    insert(&hers, "first").await.unwrap();
    // Running out alone harms nobody: nobody else has taken it.
    store.execute(RUN_OUT).await;
    insert(&hers, "second").await.unwrap();
    store.lease_take("leader", grace, LIFE).await.unwrap();
    let late = insert(&hers, "late").await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    let names: Vec<_> = store.app_all().await.unwrap();
    let names: Vec<_> = names.into_iter().map(|app| app.name).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(hers.app_all().await.unwrap().len(), 2, "reading is as ever");
}

/// Neither does a transaction of the former holder commit after the take, nor
/// does a renewal wait for one of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_and_a_transaction_are_one_after_the_other() {
    let (store, dir) = store().await;
    let elsewhere = dir.open().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    let fence = store.lease_take("leader", ada, LIFE).await.unwrap();
    let hers = store.fenced("leader", fence.unwrap());
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, until) = (Arc::clone(&begun), Arc::clone(&go_on));
    let running = tokio::spawn(async move {
        hers.write(move |tx| {
            Box::pin(async move {
                inside.notify_one();
                until.notified().await;
                tx.app_insert(&app("shop")).await
            })
        })
        .await
    });
    begun.notified().await;
    let renewing = store.lease_take("leader", ada, Duration::from_millis(1));
    if muster_e2e::servers::on_postgres() {
        // So that it runs out while the transaction runs.
        assert_eq!(renewing.await.unwrap(), fence);
    }
    let taking = tokio::spawn(async move {
        loop {
            let taken = elsewhere.lease_take("leader", grace, LIFE).await.unwrap();
            if taken.is_some() {
                return (taken, elsewhere.app_all().await.unwrap().len());
            }
            let shown = elsewhere.lease_show("leader").await.unwrap().unwrap();
            if shown.remaining > Duration::from_secs(60) {
                elsewhere.execute(RUN_OUT).await;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!taking.is_finished(), "it waits for the transaction");
    go_on.notify_one();
    running.await.unwrap().unwrap();
    let (taken, apps) = taking.await.unwrap();
    assert_eq!(taken, Some(Fence(2)));
    assert_eq!(apps, 1, "what was begun under the lease was there first");
}

#[tokio::test]
async fn a_clock_that_jumped_back_costs_no_more_than_a_lease() {
    let (store, _dir) = store().await;
    let (ada, grace) = (Uuid::now_v7(), Uuid::now_v7());
    // As if taken a day later.
    store
        .lease_take("leader", ada, 25 * LIFE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.lease_take("leader", grace, LIFE).await.unwrap(), None);
    let shown = store.lease_show("leader").await.unwrap().unwrap();
    assert_eq!((shown.holder, shown.fence), (ada, Fence(1)));
    assert!(shown.remaining <= LIFE, "{:?}", shown.remaining);
}
