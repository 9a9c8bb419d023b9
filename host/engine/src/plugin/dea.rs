//! The droplet execution agent's world.

use std::time::Duration;

use wasmtime::{
    Store,
    component::{Instance as ComponentInstance, Linker},
};

use super::{
    call::{Plugin, PluginError},
    code::{PluginLimits, RoleWorld},
    contract::Contract,
    lifecycle::lifecycle,
    state::PluginState,
};

#[allow(missing_docs, reason = "generated; the WIT has the docs")]
mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/workloads", "../../wit/dea"],
        world: "muster:dea/dea-plugin",
        with: { "wasi:logging/logging": crate::plugin::logging::logging },
    });
}

pub use bindings::{
    exports::muster::dea::dea::{Action, Decisions, Rollout, Start, Stop},
    muster::workloads::workloads::{Desired, Instance, Share, Snapshot, State},
};

/// A droplet execution agent plugin's bindings.
pub struct DeaWorld(bindings::DeaPlugin);

/// A droplet execution agent plugin at work.
pub type DeaPlugin = Plugin<DeaWorld>;

impl std::ops::Deref for DeaWorld {
    type Target = bindings::DeaPlugin;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

lifecycle!(DeaWorld);

impl RoleWorld for DeaWorld {
    const CONTRACT: Contract = Contract {
        role: "dea",
        world: "muster:dea/dea-plugin",
        version: "0.1.0",
        imports: &[
            "wasi:logging/logging@0.1.0-draft",
            "muster:workloads/workloads@0.1.0",
        ],
        // It looks at all instances of the host at once.
        limits: PluginLimits {
            memory: 256 << 20,
            call: Duration::from_secs(2),
            work: Duration::from_secs(5),
        },
    };

    fn link(_: &mut Linker<PluginState>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn bind(
        store: &mut Store<PluginState>,
        instance: &ComponentInstance,
    ) -> wasmtime::Result<Self> {
        bindings::DeaPlugin::new(store, instance).map(Self)
    }
}

impl Plugin<DeaWorld> {
    /// Lets the plugin decide what the host does next.
    ///
    /// # Errors
    /// If the call fails.
    pub fn decide(&mut self, snapshot: &Snapshot) -> Result<Decisions, PluginError> {
        self.call(|world, store| world.muster_dea_dea().call_decide(store, snapshot))
    }
}
