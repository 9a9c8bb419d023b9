//! A plugin's component: read, checked against its manifest, compiled, linked.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use wasmtime::{
    Store,
    component::{Component, Instance, InstancePre, Linker},
};

use super::{
    call::{Plugin, PluginError},
    contract::Contract,
    dea::DeaWorld,
    lifecycle::{Health, Lifecycle},
    load_balancer::BalancerWorld,
    logging::PluginLog,
    manifest::Manifest,
    router::RouterWorld,
    stager::StagerWorld,
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
    /// What the role asks of its plugin, and gives it.
    const CONTRACT: Contract;

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
    pub fn instantiate<W: RoleWorld>(&self, log: PluginLog) -> Result<Plugin<W>, PluginError> {
        W::CONTRACT.check(&self.manifest)?;
        let limits = W::CONTRACT.limits;
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

    /// Tries whether the plugin can play a role: whether it starts, is what its
    /// manifest says, and is well.
    ///
    /// # Errors
    /// What is in the way.
    pub fn try_out(&self, role: &str, log: PluginLog) -> Result<(), PluginError> {
        match role {
            "router" => self.try_out_in::<RouterWorld>(log),
            "stager" => self.try_out_in::<StagerWorld>(log),
            "dea" => self.try_out_in::<DeaWorld>(log),
            "load-balancer" => self.try_out_in::<BalancerWorld>(log),
            _ => Err(PluginError::NoContract(role.to_owned())),
        }
    }

    fn try_out_in<W: RoleWorld>(&self, log: PluginLog) -> Result<(), PluginError> {
        let mut plugin: Plugin<W> = self.instantiate(log)?;
        let (name, version) = plugin.describe()?;
        if (&name, &version) != (&self.manifest.name, &self.manifest.version) {
            return Err(PluginError::Reported(format!(
                "it calls itself {name} {version}, its manifest says {} {}",
                self.manifest.name, self.manifest.version
            )));
        }
        plugin.start()?;
        if let Health::Failing(why) = plugin.health()? {
            return Err(PluginError::Reported(why));
        }
        plugin.stop()
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

/// Whether an import reaches nothing outside the plugin, so that each gets it.
#[must_use]
pub fn is_harmless(import: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
    ];
    PREFIXES.iter().any(|prefix| import.starts_with(prefix))
}
