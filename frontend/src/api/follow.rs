//! What is read from the host, and read again when it changes there.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use leptos::{prelude::*, task::spawn_local};

use super::{
    Answer,
    events::{Live, sleep},
};

/// What was read last, or why nothing was; nothing before the first answer.
pub type Followed<T> = ReadSignal<Option<Answer<T>>>;

/// Reads something now and whenever one of these kinds of things changes. What was
/// read before stays until the new answer is there.
pub fn follow<T, F>(
    topics: &'static [&'static str],
    load: impl Fn() -> F + 'static,
) -> (Followed<T>, RwSignal<u64>)
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Answer<T>> + 'static,
{
    let (shown, show) = signal(None);
    let again = watch(
        topics,
        Box::new(move |wanted| {
            let asking = load();
            Box::pin(async move {
                let answer = asking.await;
                // What is still the same is left alone, with the focus that is on it.
                if wanted() && shown.with_untracked(|old| old.as_ref() != Some(&answer)) {
                    show.set(Some(answer));
                }
            })
        }),
    );
    (shown, again)
}

/// Whether somebody still waits for an answer.
type Wanted = Box<dyn Fn() -> bool>;
/// Asks for something and shows the answer.
type Ask = Box<dyn Fn(Wanted) -> Pin<Box<dyn Future<Output = ()>>>>;

/// What following has in common, whatever is followed.
fn watch(topics: &'static [&'static str], ask: Ask) -> RwSignal<u64> {
    let version = expect_context::<Live>().version(topics);
    let again = RwSignal::new(0_u64);
    let gone = Arc::new(AtomicBool::new(false));
    on_cleanup({
        let gone = Arc::clone(&gone);
        move || gone.store(true, Ordering::Relaxed)
    });
    let asked = StoredValue::new(0_u64);
    Effect::new(move |_| {
        // Merely to track it would not have it look at what it is made of.
        version.get();
        again.track();
        let number = asked.get_value() + 1;
        asked.set_value(number);
        let gone = Arc::clone(&gone);
        // A later question has a newer answer.
        let wanted = move || !gone.load(Ordering::Relaxed) && asked.try_get_value() == Some(number);
        spawn_local(ask(Box::new(wanted)));
    });
    again
}

/// Has something read again every few seconds, as long as it is shown: whether a
/// host is still heard of, and what runs on others, are no changes that the log of
/// changes has.
pub fn refresh(again: RwSignal<u64>, seconds: u32) {
    let gone = Arc::new(AtomicBool::new(false));
    on_cleanup({
        let gone = Arc::clone(&gone);
        move || gone.store(true, Ordering::Relaxed)
    });
    spawn_local(async move {
        loop {
            sleep(seconds * 1_000).await;
            if gone.load(Ordering::Relaxed) {
                return;
            }
            if !document().hidden() {
                again.update(|count| *count += 1);
            }
        }
    });
}
