//! What stands in for a host where a plugin is tested natively: requests and
//! packages that are made up, the log, and a clock that moves when told to.
//!
//! Log and clock are those of the thread, and so of the test.
//!
//! ```
//! use std::time::Duration;
//!
//! use muster_sdk::{log, testing, time};
//!
//! let began = time::elapsed();
//! testing::pass(Duration::from_secs(5));
//! assert_eq!(time::elapsed() - began, Duration::from_secs(5));
//!
//! log::warn("table", "it is stale");
//! assert_eq!(testing::logged()[0].message, "it is stale");
//! assert!(testing::logged().is_empty());
//! ```

mod head;
mod package;
mod request;

use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime},
};

pub use self::{head::Head, package::Package, request::Request};
use crate::log::Level;

/// The time of day before any has passed.
pub const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

thread_local! {
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static HEARD: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// A message that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How important it is.
    pub level: Level,
    /// The word that groups it with others.
    pub context: String,
    /// What it says.
    pub message: String,
}

/// Lets time pass, which else stands still.
pub fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}

/// How much time has passed.
#[must_use]
pub fn passed() -> Duration {
    PASSED.get()
}

/// What was logged since the last call.
#[must_use]
pub fn logged() -> Vec<Line> {
    HEARD.take()
}

/// Takes a message down.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn hear(level: Level, context: &str, message: &str) {
    // The test's runner shows it if the test fails.
    println!("{level:?} {context}: {message}");
    HEARD.with_borrow_mut(|heard| {
        heard.push(Line {
            level,
            context: context.to_owned(),
            message: message.to_owned(),
        });
    });
}
