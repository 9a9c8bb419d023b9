//! What role plugins are written with: typed bindings of the role worlds, the
//! manifest that a host reads before it runs a plugin, and logging.
//!
//! A plugin is a library crate of type `cdylib`, built for `wasm32-wasip2`:
//!
//! ```
//! use muster_sdk::{Manifest, router};
//!
//! const MANIFEST: Manifest = muster_sdk::manifest! {
//!     name: "everything-here",
//!     role: "router",
//!     world: "muster:router/router-plugin@0.1.0",
//!     summary: "Sends every request to the same app",
//!     imports: [],
//! };
//!
//! struct Plugin;
//!
//! impl router::role::Guest for Plugin {
//!     fn apply(_update: router::role::TableUpdate) -> Result<(), String> {
//!         Ok(())
//!     }
//!
//!     fn decide(_host: String, _path: String, _head: &router::Head) -> router::role::Decision {
//!         let forward = router::role::Forward { app: "here".to_owned(), instance: None, set_cookie: None };
//!         router::role::Decision {
//!             outcome: router::role::Outcome::Forward(forward),
//!             scope: router::role::Scope::Host,
//!         }
//!     }
//! }
//!
//! muster_sdk::plain_lifecycle!(Plugin, MANIFEST);
//! muster_sdk::router::export!(Plugin);
//! # fn main() {}
//! ```

pub mod dea;
pub mod lifecycle;
pub mod load_balancer;
pub mod log;
pub mod manifest;
pub mod router;
pub mod stager;

pub use manifest::Manifest;
