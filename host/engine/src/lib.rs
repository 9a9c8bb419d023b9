//! The one place that names wasmtime: one configuration, the cache of compiled
//! code, limits, WASI, and what runs on top: apps and role plugins.
//!
//! The engine knows nothing of the store, of routes or of who asked. It is
//! given bytes and settings and runs them within their limits.

mod app;
mod cache;
mod config;
mod error;
mod limiter;
mod meter;
mod output;
pub mod plugin;

pub use app::{
    body::AppBody,
    code::{Code, Entry},
    instance::{Instance, Runtime},
    offered::offered,
    outbound::{Network, OutboundPolicy},
    refusal::Refusal,
    request::RequestContext,
};
pub use config::{Engine, EngineOptions, VERSION};
pub use error::EngineError;
pub use output::{Output, OutputSink, Stream};
