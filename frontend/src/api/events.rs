//! Streams of events: one for the whole console, which says what has changed, and
//! others for logs.

use std::collections::HashMap;

use js_sys::{Reflect, Uint8Array};
use leptos::{prelude::*, task::spawn_local};
use muster_api::events::Event;
use muster_console_model::stream::{Message, Parser};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader};

use super::{
    Failure,
    fetch::{self, Body, away},
    understood,
};
use crate::session::tokens;

/// How long to wait before the first new try, in milliseconds.
const FIRST_PAUSE: u32 = 500;
/// How often ages are told anew, in milliseconds.
const BEAT: u32 = 5_000;
/// How long at most.
const LONGEST_PAUSE: u32 = 8_000;

/// Whether what is seen is what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not yet.
    Connecting,
    /// Yes.
    Live,
    /// Not any more: the stream has broken off.
    Stale,
}

/// What changes, as it does.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// How the stream is.
    pub connection: RwSignal<Connection>,
    /// How often each kind of thing has changed; all of them when changes were
    /// missed.
    changes: RwSignal<HashMap<String, u64>>,
    missed: RwSignal<u64>,
    /// Grows every few seconds, for what says how long ago something was.
    pub beat: RwSignal<u64>,
}

impl Live {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            connection: RwSignal::new(Connection::Connecting),
            changes: RwSignal::default(),
            missed: RwSignal::new(0),
            beat: RwSignal::new(0),
        }
    }

    /// A number that grows when one of these kinds of things changes.
    pub fn version(self, topics: &'static [&'static str]) -> Memo<u64> {
        Memo::new(move |_| {
            let of = |changes: &HashMap<String, u64>| -> u64 {
                let counts = topics.iter().filter_map(|topic| changes.get(*topic));
                counts.sum()
            };
            self.missed.get() + self.changes.with(of)
        })
    }

    /// Follows the changes as long as somebody is signed in.
    pub fn start(self) {
        spawn_local(async move {
            while tokens::is_signed_in() {
                sleep(BEAT).await;
                self.beat.update(|count| *count += 1);
            }
        });
        spawn_local(async move {
            let mut last: Option<String> = None;
            let mut pause = FIRST_PAUSE;
            while tokens::is_signed_in() {
                let since = last
                    .as_ref()
                    .map_or_else(String::new, |id| format!("?since={id}"));
                let abort = Abort::default();
                let path = format!("/api/v1/events{since}");
                let ended = read(&path, &abort, |step| match step {
                    Step::Open => {
                        pause = FIRST_PAUSE;
                        if self.connection.get_untracked() != Connection::Live {
                            self.connection.set(Connection::Live);
                            self.missed.update(|count| *count += 1);
                        }
                    }
                    Step::Message(message) => {
                        last = message.id.clone().or_else(|| last.take());
                        self.take(&message);
                    }
                });
                match ended.await {
                    Err(Failure::SignedOut) => break,
                    // A stream ends with the access token: that is nothing to tell.
                    Ok(()) => {}
                    Err(_) => self.connection.set(Connection::Stale),
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    fn take(self, message: &Message) {
        match understood::<Event>(&message.data) {
            Ok(event) => self.changes.update(|changes| {
                *changes.entry(event.resource).or_default() += 1;
            }),
            Err(_) => self.missed.update(|count| *count += 1),
        }
    }
}

/// What a stream does.
pub enum Step {
    /// It has begun.
    Open,
    /// An event has come.
    Message(Message),
}

/// Ends a stream from outside.
#[derive(Debug, Clone, Default)]
pub struct Abort(Option<AbortController>);

impl Abort {
    /// One that can be used.
    pub fn new() -> Self {
        Self(AbortController::new().ok())
    }

    /// Ends the stream.
    pub fn now(&self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

/// Reads a stream to its end.
pub async fn read(path: &str, abort: &Abort, mut take: impl FnMut(Step)) -> Result<(), Failure> {
    let signal = abort.0.as_ref().map(AbortController::signal);
    let response = fetch::open("", "GET", path, Body::None, signal.as_ref()).await?;
    if !response.ok() {
        return Err(Failure::Away(format!("HTTP {}", response.status())));
    }
    let Some(body) = response.body() else {
        return Ok(());
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    take(Step::Open);
    let mut parser = Parser::default();
    loop {
        let piece = JsFuture::from(reader.read()).await.map_err(away)?;
        let field = |name: &str| Reflect::get(&piece, &name.into()).map_err(away);
        if field("done")?.is_truthy() {
            return Ok(());
        }
        let bytes = Uint8Array::from(field("value")?).to_vec();
        for message in parser.feed(&bytes) {
            take(Step::Message(message));
        }
    }
}

/// Waits.
pub async fn sleep(milliseconds: u32) {
    let promise = js_sys::Promise::new(&mut |done, _| {
        let wait = i32::try_from(milliseconds).unwrap_or(i32::MAX);
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&done, wait);
    });
    let _ = JsFuture::from(promise).await;
}
