//! The router world.

use std::time::Duration;

use http::request::Parts;
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
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/router"],
        world: "muster:router/router-plugin",
        additional_derives: [PartialEq, Eq],
        with: {
            "wasi:logging/logging": crate::plugin::logging::logging,
            "muster:router/heads.head": super::Head,
        },
    });
}

pub use bindings::exports::muster::router::router::{
    Action, Decision, Forward, Outcome, Redirect, Route, RouteKey, Scope, TableUpdate, Target,
};
use bindings::muster::router::heads;

/// A router plugin's bindings.
pub struct RouterWorld(bindings::RouterPlugin);

/// A router plugin at work.
pub type RouterPlugin = Plugin<RouterWorld>;

/// The head lies in the store, not in the resource table: there is one at a
/// time, and this saves an allocation per decision.
pub struct Head;

impl std::ops::Deref for RouterWorld {
    type Target = bindings::RouterPlugin;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

lifecycle!(RouterWorld);

impl RoleWorld for RouterWorld {
    const CONTRACT: Contract = Contract {
        role: "router",
        world: "muster:router/router-plugin",
        version: "0.1.0",
        imports: &[
            "wasi:logging/logging@0.1.0-draft",
            "muster:router/heads@0.1.0",
        ],
        // It holds the route table, and requests wait for its decisions.
        limits: PluginLimits {
            memory: 1 << 30,
            call: Duration::from_millis(100),
            work: Duration::from_secs(3),
        },
    };

    fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
        heads::add_to_linker::<PluginState, HasSelf<PluginState>>(linker, |state| state)
    }

    fn bind(store: &mut Store<PluginState>, instance: &Instance) -> wasmtime::Result<Self> {
        bindings::RouterPlugin::new(store, instance).map(Self)
    }
}

impl heads::Host for PluginState {}

impl heads::HostHead for PluginState {
    fn method(&mut self, _: Resource<Head>) -> String {
        self.head
            .as_ref()
            .map(|head| head.method.to_string())
            .unwrap_or_default()
    }

    fn header(&mut self, _: Resource<Head>, name: String) -> Option<String> {
        let value = self.head.as_ref()?.headers.get(&name)?;
        value.to_str().ok().map(str::to_owned)
    }

    fn cookie(&mut self, _: Resource<Head>, name: String) -> Option<String> {
        let headers = &self.head.as_ref()?.headers;
        let pairs = headers
            .get_all(http::header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        pairs
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    }

    fn query(&mut self, _: Resource<Head>) -> Option<String> {
        self.head.as_ref()?.uri.query().map(str::to_owned)
    }

    fn lot(&mut self, _: Resource<Head>) -> u32 {
        rand::random()
    }

    fn drop(&mut self, _: Resource<Head>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Plugin<RouterWorld> {
    /// Gives the plugin a change of the route table.
    ///
    /// # Errors
    /// If the call fails or the plugin refuses the change.
    pub fn apply(&mut self, update: &TableUpdate) -> Result<(), PluginError> {
        self.work(|world, store| world.muster_router_router().call_apply(store, update))?
            .map_err(PluginError::Reported)
    }

    /// Lets the plugin decide on a request. The head is lent to the store
    /// during the call.
    ///
    /// # Errors
    /// If the call fails.
    pub fn decide(&mut self, host: &str, head: &mut Parts) -> Result<Decision, PluginError> {
        let path = head.uri.path().to_owned();
        let (empty, ()) = http::Request::new(()).into_parts();
        self.store.data_mut().head = Some(std::mem::replace(head, empty));
        let decision = self.call(|world: &mut RouterWorld, store: &mut Store<PluginState>| {
            world
                .muster_router_router()
                .call_decide(store, host, &path, Resource::new_borrow(0))
        });
        if let Some(lent) = self.store.data_mut().head.take() {
            *head = lent;
        }
        decision
    }
}
