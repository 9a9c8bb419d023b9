use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use muster_bus::Bus;
use serde_json::json;

use super::{super::MAILS, *};
use crate::control::testing::store_with;

/// Does what the key of a message says.
#[derive(Default)]
struct Obeys {
    attempts: AtomicU32,
    done: Mutex<Vec<String>>,
}

impl Does for Arc<Obeys> {
    fn attempt<'a>(
        &'a self,
        message: &'a MessageRecord,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        self.obey(message, stop).boxed()
    }
}

impl Obeys {
    async fn obey(&self, message: &MessageRecord, stop: &CancellationToken) -> Outcome {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        match message.key.as_str() {
            "panic" => panic!("as asked"),
            "broken" => Outcome::Broken("it is broken".to_owned()),
            "fail" => Outcome::Failed("it is down".to_owned()),
            "wait" => {
                stop.cancelled().await;
                Outcome::Interrupted
            }
            key => {
                let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push(key.to_owned());
                Outcome::Done
            }
        }
    }
}

async fn put(store: &Store, key: &str) -> Uuid {
    let id = Uuid::now_v7();
    let message = MessageRecord::new(id, MAILS.name, key, json!({}));
    let put = store.write(move |tx| Box::pin(async move { tx.message_put(&message).await }));
    put.await.expect("it is put");
    id
}

async fn settled(store: &Store, id: Uuid, is: fn(Option<&MessageRecord>) -> bool) {
    for _ in 0..200 {
        let now = store.message_get(id).await.expect("it is read");
        if is(now.as_ref()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", store.message_get(id).await);
}

fn begin(store: &Store, does: &Arc<Obeys>) -> (Arc<Notify>, CancellationToken) {
    let (wake, stop) = (Arc::<Notify>::default(), CancellationToken::new());
    let worker = Worker {
        queue: MAILS,
        store: store.clone(),
        channel: Bus::in_process("test").channel(b"key"),
        wake: Arc::clone(&wake),
    };
    tokio::spawn(worker.run(Arc::clone(does), stop.clone()));
    (wake, stop)
}

#[tokio::test]
async fn what_waits_is_done_once_and_what_is_broken_stays() {
    let (store, _dir) = store_with(&[]).await;
    let does = Arc::<Obeys>::default();
    let first = put(&store, "one").await;
    let (wake, stop) = begin(&store, &does);
    settled(&store, first, |it| it.is_none()).await;
    let broken = put(&store, "broken").await;
    let failed = put(&store, "fail").await;
    let panicked = put(&store, "panic").await;
    let last = put(&store, "two").await;
    wake.notify_one();
    settled(&store, last, |it| it.is_none()).await;
    settled(&store, broken, |it| {
        it.is_some_and(|it| it.dead_at.is_some() && it.last_error.is_some())
    })
    .await;
    for id in [failed, panicked] {
        settled(&store, id, |it| {
            it.is_some_and(|it| it.attempts == 1 && it.due_at > muster_store::now())
        })
        .await;
    }
    stop.cancel();
    let done = does.done.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*done, ["one", "two"]);
}

#[tokio::test]
async fn what_is_broken_off_is_no_attempt_and_goes_on_later() {
    let (store, _dir) = store_with(&[]).await;
    let does = Arc::<Obeys>::default();
    let id = put(&store, "wait").await;
    let (_wake, stop) = begin(&store, &does);
    settled(&store, id, |it| it.is_some_and(|it| it.taken_at.is_some())).await;
    stop.cancel();
    settled(&store, id, |it| {
        it.is_some_and(|it| it.taken_at.is_none() && it.attempts == 0)
    })
    .await;
}

#[tokio::test]
async fn what_ends_its_host_each_time_is_given_up() {
    let (store, _dir) = store_with(&[]).await;
    let id = put(&store, "one").await;
    for _ in 0..MAILS.attempts {
        // As if the host had died in the middle of it.
        let taken = store.write(move |tx| {
            Box::pin(async move {
                let now = muster_store::now();
                let taken = tx.message_take(id, (now, MAILS.latest(now))).await?;
                tx.message_release(MAILS.name).await?;
                Ok(taken)
            })
        });
        assert!(taken.await.unwrap().is_some());
    }
    let does = Arc::<Obeys>::default();
    let (_wake, stop) = begin(&store, &does);
    settled(&store, id, |it| it.is_some_and(|it| it.dead_at.is_some())).await;
    stop.cancel();
    assert_eq!(does.attempts.load(Ordering::Relaxed), 0);
}

#[test]
fn pauses_grow_to_an_hour() {
    let (first, longest) = (MAILS.first_pause, MAILS.longest_pause);
    assert!(MAILS.pause(1) >= first && MAILS.pause(1) < first * 2);
    assert!(MAILS.pause(4) >= first * 8);
    for attempts in [10, 31, 32, u32::MAX] {
        let pause = MAILS.pause(attempts);
        assert!(pause >= longest && pause < longest * 2);
    }
}
