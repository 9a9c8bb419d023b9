use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::{MessageRecord, QueueCounts};
use crate::{
    Store, now,
    store::Work,
    testing::{store, user},
    tx::Tx,
};

fn message(key: &str) -> MessageRecord {
    MessageRecord::new(Uuid::now_v7(), "mails", key, json!({ "to": key }))
}

async fn put(store: &Store, messages: &[&MessageRecord]) {
    let messages: Vec<_> = messages.iter().map(|it| (*it).clone()).collect();
    write(store, move |tx| {
        Box::pin(async move {
            for message in &messages {
                tx.message_put(message).await?;
            }
            Ok(())
        })
    })
    .await;
}

async fn write<T: Send + 'static>(
    store: &Store,
    work: impl for<'t> FnOnce(&'t Tx) -> Work<'t, T> + Send + 'static,
) -> T {
    store.write(work).await.expect("it is written")
}

/// What is due after that was put off by a wrong clock.
fn latest(at: time::OffsetDateTime) -> time::OffsetDateTime {
    at + Duration::HOUR
}

async fn due(store: &Store, at: time::OffsetDateTime) -> Vec<Uuid> {
    let bounds = (at - Duration::seconds(10), latest(at));
    let due = store.message_list_due("mails", at, bounds, 10).await;
    due.expect("it is read").iter().map(|it| it.id).collect()
}

#[tokio::test]
async fn one_message_of_a_key_waits() {
    let (store, _dir) = store().await;
    let ada = user("ada");
    let first = message("a");
    let again = MessageRecord {
        user: Some(ada.id),
        ..message("a")
    };
    let other = message("b");
    let id = ada.id;
    write(&store, move |tx| {
        Box::pin(async move { tx.user_insert(&ada).await })
    })
    .await;
    put(&store, &[&first, &again, &other]).await;
    assert_eq!(due(&store, now()).await, [first.id, other.id]);
    let kept = store.message_get(first.id).await.unwrap().unwrap();
    assert_eq!((kept.user, kept.created_at), (Some(id), first.created_at));

    // What is being done may have looked at what this one changes.
    write(&store, move |tx| {
        Box::pin(async move { tx.message_take(first.id, (now(), latest(now()))).await })
    })
    .await
    .unwrap();
    put(&store, &[&again]).await;
    assert_eq!(due(&store, now()).await, [again.id, other.id]);
}

#[tokio::test]
async fn a_message_is_taken_by_one() {
    let (store, _dir) = store().await;
    let one = message("a");
    let (id, later) = (one.id, now() + Duration::HOUR);
    put(&store, &[&one]).await;
    let take = move |at| {
        let store = store.clone();
        async move {
            write(&store, move |tx| {
                Box::pin(async move { tx.message_take(id, (at, latest(at))).await })
            })
            .await
        }
    };
    let taken = take(now()).await.unwrap();
    assert_eq!((taken.attempts, taken.taken_at.is_some()), (1, true));
    assert_eq!(take(now()).await, None, "it is being done");
    let (store, _dir) = self::store().await;
    put(&store, &[&one]).await;
    write(&store, move |tx| {
        Box::pin(async move {
            tx.message_take(id, (now(), latest(now()))).await?;
            tx.message_put_back(id, 1, Some("it is down"), later).await
        })
    })
    .await;
    assert!(due(&store, now()).await.is_empty());
    assert_eq!(store.message_next_due("mails").await.unwrap(), Some(later));
    let early = write(&store, move |tx| {
        Box::pin(async move { tx.message_take(id, (now(), latest(now()))).await })
    });
    assert_eq!(early.await, None, "it is due later");
    let again = write(&store, move |tx| {
        Box::pin(async move { tx.message_take(id, (later, latest(later))).await })
    });
    let again = again.await.unwrap();
    assert_eq!(
        (again.attempts, again.last_error.as_deref()),
        (2, Some("it is down"))
    );
}

#[tokio::test]
async fn what_the_bus_has_is_due_once_it_is_overdue() {
    let (store, _dir) = store().await;
    let one = message("a");
    let id = one.id;
    put(&store, &[&one]).await;
    let sent = now();
    write(&store, move |tx| {
        Box::pin(async move { tx.message_sent(&[id], sent).await })
    })
    .await;
    assert!(due(&store, now()).await.is_empty());
    assert_eq!(due(&store, sent + Duration::seconds(11)).await, [id]);
    assert_eq!(
        store.message_counts("mails").await.unwrap(),
        QueueCounts {
            in_flight: 1,
            oldest: Some(one.created_at),
            ..QueueCounts::default()
        }
    );
    let released = write(&store, |tx| {
        Box::pin(async move { tx.message_release("mails").await })
    });
    assert_eq!(released.await, 1);
    assert_eq!(due(&store, now()).await, [id]);
}

#[tokio::test]
async fn what_is_given_up_stays_until_it_is_old() {
    let (store, _dir) = store().await;
    let (one, other) = (message("a"), message("b"));
    let (id, at) = (one.id, now());
    put(&store, &[&one, &other]).await;
    write(&store, move |tx| {
        Box::pin(async move { tx.message_bury(id, "nobody lives there", at).await })
    })
    .await;
    assert_eq!(due(&store, now()).await, [other.id]);
    let counts = store.message_counts("mails").await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 1));
    let dead = store.message_list("mails", Some(true), None, 10).await;
    let dead = dead.unwrap().items;
    assert_eq!(dead[0].last_error.as_deref(), Some("nobody lives there"));
    let live = store.message_list("mails", Some(false), None, 10).await;
    assert_eq!(live.unwrap().items[0].id, other.id);
    let first = store.message_list("mails", None, None, 1).await.unwrap();
    assert_eq!(first.next, Some(id.to_string()));
    // One that was given up does not stand in the way.
    let again = message("a");
    put(&store, &[&again]).await;
    assert_eq!(due(&store, now()).await, [other.id, again.id]);
    for (before, gone) in [(at, 0), (at + Duration::SECOND, 1)] {
        let done = write(&store, move |tx| {
            Box::pin(async move { tx.message_dead_delete(before).await })
        });
        assert_eq!(done.await, gone);
    }
}

#[tokio::test]
async fn what_was_put_off_by_a_clock_that_was_wrong_is_due() {
    let (store, _dir) = store().await;
    let tomorrow = now() + Duration::DAY;
    let soon = MessageRecord {
        due_at: now() + Duration::minutes(30),
        ..message("soon")
    };
    let never = MessageRecord {
        due_at: tomorrow,
        sent_at: Some(tomorrow),
        ..message("never")
    };
    put(&store, &[&soon, &never]).await;
    assert_eq!(due(&store, now()).await, [never.id]);
    let taken = write(&store, move |tx| {
        Box::pin(async move {
            let at = now();
            let soon = tx.message_take(soon.id, (at, latest(at))).await?;
            let never = tx.message_take(never.id, (at, latest(at))).await?;
            Ok((soon.is_some(), never.is_some()))
        })
    })
    .await;
    assert_eq!(taken, (false, true));
}
