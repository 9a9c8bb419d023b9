//! The stager world.

use std::{sync::Arc, time::Duration};

use wasmtime::{
    Store,
    component::{HasSelf, Instance, Linker, Resource},
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
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/packages", "../../wit/stager"],
        world: "muster:stager/stager-plugin",
        imports: { default: trappable },
        with: {
            "wasi:logging/logging": crate::plugin::logging::logging,
            "muster:packages/packages.package": super::Package,
        },
    });
}

use bindings::muster::packages::packages;
pub use bindings::{
    exports::muster::stager::stager::{Droplet, Entry, File, Rejection, Source, Terms, Wishes},
    muster::packages::packages::{Entry as PackageEntry, Error as PackageError},
};

/// A stager plugin's bindings.
pub struct StagerWorld(bindings::StagerPlugin);

/// A stager plugin at work.
pub type StagerPlugin = Plugin<StagerWorld>;

/// The files of a package, wherever they are kept. Reading may block.
pub trait PackageFiles: Send + Sync {
    /// The files, sorted by path.
    fn entries(&self) -> Vec<PackageEntry>;

    /// Up to `length` bytes of a file from `offset` on.
    ///
    /// # Errors
    /// If there is no such file or its bytes cannot be had.
    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError>;
}

/// A package in a plugin's resource table.
pub struct Package(Arc<dyn PackageFiles>);

impl std::ops::Deref for StagerWorld {
    type Target = bindings::StagerPlugin;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

lifecycle!(StagerWorld);

impl RoleWorld for StagerWorld {
    const CONTRACT: Contract = Contract {
        role: "stager",
        world: "muster:stager/stager-plugin",
        version: "0.1.0",
        imports: &[
            "wasi:logging/logging@0.1.0-draft",
            "muster:packages/packages@0.1.0",
        ],
        // It reads whole components.
        limits: PluginLimits {
            memory: 1 << 30,
            call: Duration::from_secs(5),
            work: Duration::from_secs(120),
        },
    };

    fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
        packages::add_to_linker::<PluginState, HasSelf<PluginState>>(linker, |state| state)
    }

    fn bind(store: &mut Store<PluginState>, instance: &Instance) -> wasmtime::Result<Self> {
        bindings::StagerPlugin::new(store, instance).map(Self)
    }
}

impl packages::Host for PluginState {}

impl packages::HostPackage for PluginState {
    fn entries(&mut self, package: Resource<Package>) -> wasmtime::Result<Vec<PackageEntry>> {
        Ok(self.table.get(&package)?.0.entries())
    }

    fn read(
        &mut self,
        package: Resource<Package>,
        path: String,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, PackageError>> {
        Ok(self.table.get(&package)?.0.read(&path, offset, length))
    }

    fn drop(&mut self, package: Resource<Package>) -> wasmtime::Result<()> {
        self.table.delete(package)?;
        Ok(())
    }
}

impl Plugin<StagerWorld> {
    /// Stages a package. Reads its files on the calling thread.
    ///
    /// # Errors
    /// The outer one if the call fails; the inner one if the package is
    /// refused.
    pub fn stage(
        &mut self,
        files: Arc<dyn PackageFiles>,
        wishes: &Wishes,
        terms: &Terms,
    ) -> Result<Result<Droplet, Rejection>, PluginError> {
        self.work(|world, store| {
            let package = store.data_mut().table.push(Package(files))?;
            let borrowed = Resource::new_borrow(package.rep());
            let staged =
                world
                    .muster_stager_stager()
                    .call_stage(&mut *store, borrowed, wishes, terms);
            store.data_mut().table.delete(package)?;
            staged
        })
    }
}
