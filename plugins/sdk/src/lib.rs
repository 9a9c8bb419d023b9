//! What role plugins are written with. A plugin is a type that implements the
//! trait of its role, and a line that exports it:
//!
//! ```
//! use muster_sdk::router::{self, Decision, Forward, Head, Outcome, Router, Scope, TableUpdate};
//!
//! /// Sends every request to the app that was heard of first.
//! #[derive(Default)]
//! struct First {
//!     app: Option<String>,
//! }
//!
//! impl Router for First {
//!     fn apply(&mut self, update: TableUpdate) -> Result<(), String> {
//!         for route in update.upserts {
//!             if let router::Action::Forward(targets) = route.action {
//!                 let first = targets.into_iter().next().map(|target| target.app);
//!                 self.app = self.app.take().or(first);
//!             }
//!         }
//!         Ok(())
//!     }
//!
//!     fn decide(&mut self, _host: &str, _path: &str, _head: &dyn Head) -> Decision {
//!         let forward = |app| Outcome::Forward(Forward { app, instance: None, set_cookie: None });
//!         Decision {
//!             outcome: self.app.clone().map_or(Outcome::NoRoute, forward),
//!             scope: Scope::Host,
//!         }
//!     }
//! }
//!
//! muster_sdk::router::export!(First);
//!
//! # fn main() {
//! let decision = First::default().decide("a.test", "/", &muster_sdk::testing::Head::default());
//! assert_eq!(decision.outcome, Outcome::NoRoute);
//! # }
//! ```
//!
//! The crate's type is `cdylib`, and it is built for `wasm32-wasip2`. Elsewhere
//! the export is left out, so that `cargo test` runs the plugin natively, with
//! [`testing`] in place of a host. `muster plugin new` makes such a crate.
//!
//! The manifest, which a host reads before it runs a plugin, has the name, the
//! version and the description of the crate; the type in `export!` may be
//! followed by what is to differ:
//!
//! ```
//! # use muster_sdk::dea::{Dea, Decisions, Snapshot};
//! # #[derive(Default)]
//! # struct Agent;
//! # impl Dea for Agent {
//! #     fn decide(&mut self, _: Snapshot) -> Decisions {
//! #         Decisions { actions: vec![], again_ms: None }
//! #     }
//! # }
//! muster_sdk::dea::export!(
//!     Agent,
//!     name: "dea",
//!     summary: "Decides which instances this host starts and stops",
//!     imports: ["muster:workloads/workloads@0.1.0"],
//! );
//! # fn main() {}
//! ```
//!
//! `imports` are the host interfaces that the plugin wants; without it, all that
//! its world has. What Rust's standard library imports by itself (`wasi:cli`,
//! `wasi:clocks`, `wasi:filesystem`, `wasi:io`, `wasi:random`) need not be listed:
//! a host gives a plugin these with nothing in them, no files, no variables and
//! no input.

#[doc(hidden)]
pub mod bindings;
pub mod dea;
pub mod lifecycle;
pub mod load_balancer;
pub mod log;
pub mod manifest;
pub mod redirect;
pub mod router;
pub mod stager;
pub mod testing;
pub mod time;

pub use manifest::Manifest;
