//! Log messages to the host, which adds the plugin's role and the time. Tests
//! read them with [`testing::logged`](crate::testing::logged).

use std::fmt::Display;

/// How important a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For who hunts a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// To be looked at when there is time.
    Warn,
    /// To be looked at.
    Error,
}

/// Logs what only someone who hunts a fault wants to see. `context` is a word
/// that groups messages, such as `table`.
pub fn debug(context: &str, message: impl Display) {
    log(Level::Debug, context, &message.to_string());
}

/// Logs what an operator may want to know.
pub fn info(context: &str, message: impl Display) {
    log(Level::Info, context, &message.to_string());
}

/// Logs what an operator should look at when there is time.
pub fn warn(context: &str, message: impl Display) {
    log(Level::Warn, context, &message.to_string());
}

/// Logs what an operator must look at.
pub fn error(context: &str, message: impl Display) {
    log(Level::Error, context, &message.to_string());
}

#[cfg(target_family = "wasm")]
fn log(level: Level, context: &str, message: &str) {
    use crate::bindings::logging;

    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, context, message);
}

#[cfg(not(target_family = "wasm"))]
fn log(level: Level, context: &str, message: &str) {
    crate::testing::hear(level, context, message);
}
