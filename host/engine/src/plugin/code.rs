//! A plugin's component: read, checked against its manifest, compiled, linked.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use wasmtime::{
    Store,
    component::{Component, Instance, InstancePre, Linker},
};

use super::{
    call::{Plugin, PluginError},
    lifecycle::Lifecycle,
    logging::PluginLog,
    manifest::Manifest,
    state::{PluginState, add_harmless, add_logging},
};
use crate::{Engine, meter::Meter};

/// What one instance of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginLimits {
    /// Bytes of all its memories and tables.
    pub memory: u64,
    /// Time of a call that requests wait for.
    pub call: Duration,
    /// Time of a call that does work in the background: starting, taking in a
    /// table, staging.
    pub work: Duration,
}

/// The bindings of one role's world.
pub trait RoleWorld: Lifecycle + Sized + Send {
    /// The world's name without version: `muster:router/router-plugin`.
    const WORLD: &str;
    /// The version that this host implements.
    const VERSION: &str;
    /// What the role may import, besides what every plugin may.
    const IMPORTS: &[&str];

    /// Adds what the role may import.
    #[doc(hidden)]
    fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()>;

    /// Finds the world's exports.
    #[doc(hidden)]
    fn bind(store: &mut Store<PluginState>, instance: &Instance) -> wasmtime::Result<Self>;
}

/// A plugin's component, ready to be instantiated.
#[derive(Clone)]
pub struct PluginCode {
    engine: Engine,
    component: Component,
    manifest: Manifest,
    digest: String,
}

impl PluginCode {
    /// Reads the manifest, checks that the component imports no more than it
    /// declares, and compiles it or takes it from the cache.
    ///
    /// # Errors
    /// If it is no plugin, wants what it does not declare, or does not compile.
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Self, PluginError> {
        let manifest = Manifest::read(wasm)?;
        let component = engine.cache.component(&engine.plugins, wasm)?;
        let undeclared: Vec<String> = component
            .component_type()
            .imports(&engine.plugins)
            .map(|(name, _)| name.to_owned())
            .filter(|name| !is_harmless(name) && !manifest.imports.contains(name))
            .collect();
        if !undeclared.is_empty() {
            return Err(PluginError::Undeclared(undeclared));
        }
        let digest = Sha256::digest(wasm)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            engine: engine.clone(),
            component,
            manifest,
            digest,
        })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The component's SHA-256, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Makes an instance of the plugin in a role's world. It is not started.
    ///
    /// # Errors
    /// If it is made for another world or version, wants what the role does
    /// not get, or fails while it is instantiated.
    pub fn instantiate<W: RoleWorld>(
        &self,
        limits: PluginLimits,
        log: PluginLog,
    ) -> Result<Plugin<W>, PluginError> {
        self.check_world::<W>()?;
        let pre = self.link::<W>()?;
        let meter = Arc::new(Meter::default());
        let mut store = Store::new(
            &self.engine.plugins,
            PluginState::new(limits.memory, Arc::clone(&meter), log),
        );
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_trap();
        Plugin::new(store, meter, limits, |store| {
            let instance = pre.instantiate(&mut *store)?;
            W::bind(store, &instance)
        })
    }

    fn check_world<W: RoleWorld>(&self) -> Result<(), PluginError> {
        let (world, version) = self
            .manifest
            .world
            .split_once('@')
            .unwrap_or((&self.manifest.world, ""));
        // Until 1.0 a minor version may break, so only the patch may differ.
        let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
        if world != W::WORLD || minor(version) != minor(W::VERSION) {
            return Err(PluginError::World {
                found: self.manifest.world.clone(),
                wanted: format!("{}@{}", W::WORLD, W::VERSION),
            });
        }
        let allowed: BTreeSet<&str> = W::IMPORTS.iter().copied().collect();
        let denied: Vec<String> = self
            .manifest
            .imports
            .iter()
            .filter(|name| !allowed.contains(name.as_str()))
            .cloned()
            .collect();
        if denied.is_empty() {
            Ok(())
        } else {
            Err(PluginError::Denied(denied))
        }
    }

    fn link<W: RoleWorld>(&self) -> Result<InstancePre<PluginState>, PluginError> {
        let linked = (|| {
            let mut linker = Linker::new(&self.engine.plugins);
            add_harmless(&mut linker)?;
            add_logging(&mut linker)?;
            W::link(&mut linker)?;
            linker.instantiate_pre(&self.component)
        })();
        linked.map_err(|error| PluginError::Load(format!("{error:#}")))
    }
}

/// Whether an import reaches nothing outside the plugin.
fn is_harmless(import: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
    ];
    PREFIXES.iter().any(|prefix| import.starts_with(prefix))
}
