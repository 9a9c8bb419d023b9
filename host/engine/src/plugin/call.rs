//! A plugin at work: every call armed with its limits, every failure told apart.

use std::{sync::Arc, time::Duration};

use wasmtime::{Store, Trap};

use super::{code::PluginLimits, manifest::ManifestError, state::PluginState};
use crate::{
    EngineError,
    config::epochs,
    meter::{Exceeded, Meter},
};

/// Why a plugin was not taken, or failed at work.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It is no plugin.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The engine did not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It imports what its manifest does not declare.
    #[error("the plugin imports what its manifest does not declare: {}", .0.join(", "))]
    Undeclared(Vec<String>),
    /// It declares imports that its role does not get.
    #[error("the plugin wants what its role does not get: {}", .0.join(", "))]
    Denied(Vec<String>),
    /// It is made for another world or version.
    #[error("the plugin is made for {found}, this role needs {wanted}")]
    World {
        /// What it is made for.
        found: String,
        /// What the role needs.
        wanted: String,
    },
    /// No plugin can play that role here.
    #[error("no plugin can play the role '{0}' here")]
    NoContract(String),
    /// It cannot be linked.
    #[error("the plugin cannot be loaded: {0}")]
    Load(String),
    /// It trapped; with the backtrace.
    #[error("the plugin trapped: {0}")]
    Trapped(String),
    /// A call took too long.
    #[error("the plugin was stopped after {0} ms in one call")]
    TimedOut(u128),
    /// It needed too much memory.
    #[error("the plugin needed more than its {0} bytes of memory")]
    OutOfMemory(u64),
    /// It said itself that it failed.
    #[error("the plugin reports: {0}")]
    Reported(String),
}

/// A call into a plugin's world.
pub(crate) trait Call<W, T>:
    FnOnce(&mut W, &mut Store<PluginState>) -> wasmtime::Result<T>
{
}
impl<W, T, F: FnOnce(&mut W, &mut Store<PluginState>) -> wasmtime::Result<T>> Call<W, T> for F {}

/// One instance of a plugin, bound to its role's world. After an error other
/// than [`PluginError::Reported`] it must not be called again.
pub struct Plugin<W> {
    pub(crate) store: Store<PluginState>,
    pub(crate) world: W,
    meter: Arc<Meter>,
    limits: PluginLimits,
}

impl<W> Plugin<W> {
    pub(crate) fn new(
        mut store: Store<PluginState>,
        meter: Arc<Meter>,
        limits: PluginLimits,
        make: impl FnOnce(&mut Store<PluginState>) -> wasmtime::Result<W>,
    ) -> Result<Self, PluginError> {
        store.set_epoch_deadline(epochs(limits.work) + 1);
        match make(&mut store) {
            Ok(world) => Ok(Self {
                store,
                world,
                meter,
                limits,
            }),
            // What does not fit is told apart from what fails while it starts.
            Err(error) if error.downcast_ref::<Trap>().is_none() && meter.exceeded().is_none() => {
                Err(PluginError::Load(format!("{error:#}")))
            }
            Err(error) => Err(failure(&error, &meter, limits.memory, limits.work)),
        }
    }

    /// How much memory the instance has, in bytes: what it used at most so far.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.store.data().limiter.used()
    }

    /// A call that requests wait for.
    pub(crate) fn call<T>(&mut self, call: impl Call<W, T>) -> Result<T, PluginError> {
        self.call_within(self.limits.call, call)
    }

    /// A call that does work in the background.
    pub(crate) fn work<T>(&mut self, call: impl Call<W, T>) -> Result<T, PluginError> {
        self.call_within(self.limits.work, call)
    }

    fn call_within<T>(&mut self, limit: Duration, call: impl Call<W, T>) -> Result<T, PluginError> {
        // One epoch may end right after this, hence one more.
        self.store.set_epoch_deadline(epochs(limit) + 1);
        call(&mut self.world, &mut self.store)
            .map_err(|error| failure(&error, &self.meter, self.limits.memory, limit))
    }
}

fn failure(error: &wasmtime::Error, meter: &Meter, memory: u64, time: Duration) -> PluginError {
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        PluginError::TimedOut(time.as_millis())
    } else if meter.exceeded() == Some(Exceeded::Memory) {
        PluginError::OutOfMemory(memory)
    } else {
        PluginError::Trapped(format!("{error:?}"))
    }
}
