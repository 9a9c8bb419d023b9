//! What all plugins have in common, over the bindings of each world.

use wasmtime::Store;

use super::{
    call::{Plugin, PluginError},
    state::PluginState,
};

/// How a plugin says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Doing its job.
    Healthy,
    /// Doing its job with a handicap.
    Degraded(String),
    /// Not doing its job.
    Failing(String),
}

/// The lifecycle exports of one world's bindings.
pub trait Lifecycle {
    /// Name and version.
    #[doc(hidden)]
    fn describe(&self, store: &mut Store<PluginState>) -> wasmtime::Result<(String, String)>;
    #[doc(hidden)]
    fn start(&self, store: &mut Store<PluginState>) -> wasmtime::Result<Result<(), String>>;
    #[doc(hidden)]
    fn reconcile(&self, store: &mut Store<PluginState>) -> wasmtime::Result<Result<(), String>>;
    #[doc(hidden)]
    fn stop(&self, store: &mut Store<PluginState>) -> wasmtime::Result<()>;
    #[doc(hidden)]
    fn health(&self, store: &mut Store<PluginState>) -> wasmtime::Result<Health>;
}

/// Implements [`Lifecycle`] over one world's generated bindings, whose types
/// are alike but not the same.
macro_rules! lifecycle {
    ($world:ty) => {
        impl $crate::plugin::lifecycle::Lifecycle for $world {
            fn describe(
                &self,
                store: &mut Store<PluginState>,
            ) -> wasmtime::Result<(String, String)> {
                let description = self.muster_lifecycle_lifecycle().call_describe(store)?;
                Ok((description.name, description.version))
            }

            fn start(
                &self,
                store: &mut Store<PluginState>,
            ) -> wasmtime::Result<Result<(), String>> {
                Ok(self
                    .muster_lifecycle_lifecycle()
                    .call_start(store)?
                    .map_err(message))
            }

            fn reconcile(
                &self,
                store: &mut Store<PluginState>,
            ) -> wasmtime::Result<Result<(), String>> {
                Ok(self
                    .muster_lifecycle_lifecycle()
                    .call_reconcile(store)?
                    .map_err(message))
            }

            fn stop(&self, store: &mut Store<PluginState>) -> wasmtime::Result<()> {
                self.muster_lifecycle_lifecycle().call_stop(store)
            }

            fn health(
                &self,
                store: &mut Store<PluginState>,
            ) -> wasmtime::Result<$crate::plugin::lifecycle::Health> {
                use bindings::exports::muster::lifecycle::lifecycle::Condition as Reported;
                use $crate::plugin::lifecycle::Health;
                Ok(
                    match self.muster_lifecycle_lifecycle().call_health(store)? {
                        Reported::Healthy => Health::Healthy,
                        Reported::Degraded(why) => Health::Degraded(why),
                        Reported::Failing(why) => Health::Failing(why),
                    },
                )
            }
        }

        fn message(error: bindings::exports::muster::lifecycle::lifecycle::Error) -> String {
            use bindings::exports::muster::lifecycle::lifecycle::Error;
            match error {
                Error::AccessDenied(what) => format!("access denied: {what}"),
                Error::InvalidSettings(what) => format!("invalid settings: {what}"),
                Error::Other(what) => what,
            }
        }
    };
}

pub(crate) use lifecycle;

impl<W: Lifecycle> Plugin<W> {
    /// The name and version that the running plugin gives.
    ///
    /// # Errors
    /// If the call fails.
    pub fn describe(&mut self) -> Result<(String, String), PluginError> {
        self.call(|world, store| world.describe(store))
    }

    /// Lets the plugin get ready.
    ///
    /// # Errors
    /// If the call fails or the plugin says it did.
    pub fn start(&mut self) -> Result<(), PluginError> {
        self.work(|world, store| world.start(store))?
            .map_err(PluginError::Reported)
    }

    /// Lets the plugin do its housekeeping.
    ///
    /// # Errors
    /// If the call fails or the plugin says it did.
    pub fn reconcile(&mut self) -> Result<(), PluginError> {
        self.work(|world, store| world.reconcile(store))?
            .map_err(PluginError::Reported)
    }

    /// Tells the plugin that it ends.
    ///
    /// # Errors
    /// If the call fails.
    pub fn stop(&mut self) -> Result<(), PluginError> {
        self.work(|world, store| world.stop(store))
    }

    /// Asks the plugin how it is.
    ///
    /// # Errors
    /// If the call fails.
    pub fn health(&mut self) -> Result<Health, PluginError> {
        self.call(|world, store| world.health(store))
    }
}
