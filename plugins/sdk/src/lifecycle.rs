//! What every role plugin does for the host, whatever its role.
#![allow(missing_docs, unsafe_code, reason = "generated from wit/")]

wit_bindgen::generate!({
    inline: "package muster:sdk; world with-lifecycle { export muster:lifecycle/lifecycle@0.1.0; }",
    path: ["../../wit/lifecycle"],
    generate_all,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    default_bindings_module: "muster_sdk::lifecycle",
});

pub use exports::muster::lifecycle::lifecycle::{Condition, Description, Error, Guest};

/// Implements the lifecycle of a plugin that needs no settings, holds nothing
/// outside of itself and is healthy whenever it answers: `start`, `reconcile`
/// and `stop` do nothing. Takes the plugin's type and its
/// [`Manifest`](crate::Manifest).
#[macro_export]
macro_rules! plain_lifecycle {
    ($plugin:ty, $manifest:expr) => {
        impl $crate::lifecycle::Guest for $plugin {
            fn describe() -> $crate::lifecycle::Description {
                $manifest.description()
            }

            fn start() -> ::core::result::Result<(), $crate::lifecycle::Error> {
                ::core::result::Result::Ok(())
            }

            fn reconcile() -> ::core::result::Result<(), $crate::lifecycle::Error> {
                ::core::result::Result::Ok(())
            }

            fn stop() {}

            fn health() -> $crate::lifecycle::Condition {
                $crate::lifecycle::Condition::Healthy
            }
        }
    };
}
