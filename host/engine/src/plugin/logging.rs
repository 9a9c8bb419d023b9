//! `wasi:logging` for plugins.

use std::sync::Arc;

use super::state::PluginState;

#[allow(missing_docs, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/logging"],
        inline: "package muster:engine; world logging { import wasi:logging/logging@0.1.0-draft; }",
        world: "muster:engine/logging",
    });
}

pub use bindings::wasi::logging::logging;

/// How important a plugin's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Needs attention.
    Warn,
    /// Went wrong.
    Error,
}

/// Takes a plugin's messages.
pub type PluginLog = Arc<dyn Fn(LogLevel, &str) + Send + Sync>;

impl logging::Host for PluginState {
    fn log(&mut self, level: logging::Level, context: String, message: String) {
        let level = match level {
            logging::Level::Trace | logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error | logging::Level::Critical => LogLevel::Error,
        };
        let message = if context.is_empty() {
            message
        } else {
            format!("{context}: {message}")
        };
        (self.log)(level, &message);
    }
}
