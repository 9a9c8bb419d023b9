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
    engine: Engine,
    kind: Kind,
    pub(crate) pre: Pre,
}

/// Which of the engines for apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Without concurrent calls, which costs less.
    Plain,
    /// With all that WASI 0.3 needs.
    Concurrent,
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
        if entry == Entry::IncomingHandler
            && let Ok(code) = Self::load_as(engine, wasm, entry, Kind::Plain)
        {
            return Ok(code);
        }
        // An app of 0.2 may import something of 0.3.
        Self::load_as(engine, wasm, entry, Kind::Concurrent)
    }

    fn load_as(
        engine: &Engine,
        wasm: &[u8],
        entry: Entry,
        kind: Kind,
    ) -> Result<Self, EngineError> {
        let link = |error: wasmtime::Error| EngineError::Link(format!("{error:#}"));
        let runs_on = kind.engine(engine);
        let component = engine.cache.component(runs_on, wasm)?;
        let pre = linker(runs_on, kind)
            .map_err(link)?
            .instantiate_pre(&component)
            .map_err(link)?;
        let pre = match entry {
            Entry::IncomingHandler => p2::bindings::ProxyPre::new(pre).map(Pre::IncomingHandler),
            Entry::Handler => p3::bindings::ServicePre::new(pre).map(Pre::Handler),
        };
        Ok(Self {
            engine: engine.clone(),
            kind,
            pre: pre.map_err(link)?,
        })
    }

    /// The wasmtime engine that this code is for.
    pub(crate) fn runs_on(&self) -> &wasmtime::Engine {
        self.kind.engine(&self.engine)
    }
}

impl Kind {
    fn engine(self, engine: &Engine) -> &wasmtime::Engine {
        match self {
            Self::Plain => &engine.apps,
            Self::Concurrent => &engine.concurrent_apps,
        }
    }
}

/// Everything that apps may import; [`super::offered`] lists it. Apps of WASI
/// 0.3 get 0.2's interfaces as well: their standard libraries often use them.
pub(crate) fn linker(engine: &wasmtime::Engine, kind: Kind) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, State::config)?;
    if kind == Kind::Concurrent {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
    }
    Ok(linker)
}
