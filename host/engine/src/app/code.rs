//! Compiled components, linked ahead of their first request.

use wasmtime::component::Linker;
use wasmtime_wasi_http::{p2, p3};

use super::state::State;
use crate::{Engine, EngineError};

/// The entry point of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// `wasi:http/incoming-handler@0.2`
    IncomingHandler,
    /// `wasi:http/handler@0.3`
    Handler,
}

/// A component, compiled and linked. Cheap to clone and to instantiate.
#[derive(Clone)]
pub struct Code {
    pub(crate) engine: Engine,
    pub(crate) pre: Pre,
}

#[derive(Clone)]
pub(crate) enum Pre {
    IncomingHandler(p2::bindings::ProxyPre<State>),
    Handler(p3::bindings::ServicePre<State>),
}

impl Code {
    /// Compiles a component, or takes it from the cache, and links it. Takes
    /// seconds for large ones: call it where blocking is allowed.
    ///
    /// # Errors
    /// If the compiler refuses it or it wants what the host does not offer.
    pub fn load(engine: &Engine, wasm: &[u8], entry: Entry) -> Result<Self, EngineError> {
        let link = |error: wasmtime::Error| EngineError::Link(format!("{error:#}"));
        let component = engine.cache.component(&engine.apps, wasm)?;
        let pre = linker(&engine.apps)
            .map_err(link)?
            .instantiate_pre(&component)
            .map_err(link)?;
        let pre = match entry {
            Entry::IncomingHandler => p2::bindings::ProxyPre::new(pre).map(Pre::IncomingHandler),
            Entry::Handler => p3::bindings::ServicePre::new(pre).map(Pre::Handler),
        };
        Ok(Self {
            engine: engine.clone(),
            pre: pre.map_err(link)?,
        })
    }
}

/// Everything that apps may import; [`super::offered`] lists it.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, State::config)?;
    Ok(linker)
}
