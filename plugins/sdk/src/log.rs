//! Log messages to the host, which adds the plugin's name and the time.

use std::fmt::Display;

use bindings::wasi::logging::logging::{self, Level};

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from wit/")]

    wit_bindgen::generate!({
        inline: "package muster:sdk; world logs { import wasi:logging/logging@0.1.0-draft; }",
        path: ["../../wit/deps/logging"],
        generate_all,
    });
}

/// Logs what only someone who hunts a fault wants to see. `context` is a word
/// that groups messages, such as `table`.
pub fn debug(context: &str, message: impl Display) {
    logging::log(Level::Debug, context, &message.to_string());
}

/// Logs what an operator may want to know.
pub fn info(context: &str, message: impl Display) {
    logging::log(Level::Info, context, &message.to_string());
}

/// Logs what an operator should look at when there is time.
pub fn warn(context: &str, message: impl Display) {
    logging::log(Level::Warn, context, &message.to_string());
}

/// Logs what an operator must look at.
pub fn error(context: &str, message: impl Display) {
    logging::log(Level::Error, context, &message.to_string());
}
