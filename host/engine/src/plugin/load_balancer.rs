//! The load balancer world.

use std::{net::IpAddr, sync::Arc, time::Duration};

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
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/load-balancer"],
        world: "muster:load-balancer/load-balancer-plugin",
        additional_derives: [PartialEq, Eq],
        with: {
            "wasi:logging/logging": crate::plugin::logging::logging,
            "muster:load-balancer/requests.request": super::Request,
        },
    });
}

pub use bindings::exports::muster::load_balancer::balancer::{HashKey, Policy, Pool, Upstream};
use bindings::muster::load_balancer::requests;

/// A load balancer plugin's bindings.
pub struct BalancerWorld(bindings::LoadBalancerPlugin);

/// A load balancer plugin at work.
pub type BalancerPlugin = Plugin<BalancerWorld>;

/// The request lies in the store, not in the resource table: there is one at a
/// time, and this saves an allocation per decision.
pub struct Request;

/// What the host knows of the upstreams of a pool, by their place in it.
pub trait Upstreams: Send + Sync {
    /// Whether one may serve a request. The `last` resort are those, too, that
    /// rest after failures.
    fn may_serve(&self, upstream: u32, last: bool) -> bool;
    /// How many requests one has under way.
    fn in_flight(&self, upstream: u32) -> u32;
}

/// What is asked of a load balancer.
#[derive(Debug, Default)]
pub struct Asked {
    /// The client.
    pub client: Option<IpAddr>,
    /// The upstreams that have failed this request.
    pub failed: Vec<u32>,
    /// Whether those may serve, too, that rest after failures.
    pub last_resort: bool,
}

/// What the calls of a load balancer go by.
#[derive(Default)]
pub(super) struct Balancing {
    upstreams: Option<Arc<dyn Upstreams>>,
    asked: Asked,
}

impl std::ops::Deref for BalancerWorld {
    type Target = bindings::LoadBalancerPlugin;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

lifecycle!(BalancerWorld);

impl RoleWorld for BalancerWorld {
    const CONTRACT: Contract = Contract {
        role: "load-balancer",
        world: "muster:load-balancer/load-balancer-plugin",
        version: "0.1.0",
        imports: &[
            "wasi:logging/logging@0.1.0-draft",
            "muster:load-balancer/requests@0.1.0",
        ],
        // Requests wait for its decisions.
        limits: PluginLimits {
            memory: 256 << 20,
            call: Duration::from_millis(100),
            work: Duration::from_secs(3),
        },
    };

    fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
        requests::add_to_linker::<PluginState, HasSelf<PluginState>>(linker, |state| state)
    }

    fn bind(store: &mut Store<PluginState>, instance: &Instance) -> wasmtime::Result<Self> {
        bindings::LoadBalancerPlugin::new(store, instance).map(Self)
    }
}

impl requests::Host for PluginState {}

impl requests::HostRequest for PluginState {
    fn lot(&mut self, _: Resource<Request>) -> u32 {
        rand::random()
    }

    fn may_serve(&mut self, _: Resource<Request>, upstream: u32) -> bool {
        let Balancing { upstreams, asked } = &self.balancing;
        !asked.failed.contains(&upstream)
            && upstreams
                .as_ref()
                .is_some_and(|known| known.may_serve(upstream, asked.last_resort))
    }

    fn in_flight(&mut self, _: Resource<Request>, upstream: u32) -> u32 {
        let known = self.balancing.upstreams.as_ref();
        known.map_or(0, |known| known.in_flight(upstream))
    }

    fn client_address(&mut self, _: Resource<Request>) -> String {
        let client = self.balancing.asked.client;
        client.map(|client| client.to_string()).unwrap_or_default()
    }

    fn header(&mut self, _: Resource<Request>, name: String) -> Option<String> {
        let value = self.head.as_ref()?.headers.get(&name)?;
        value.to_str().ok().map(str::to_owned)
    }

    fn drop(&mut self, _: Resource<Request>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Plugin<BalancerWorld> {
    /// Gives the plugin another pool, and what its requests may ask of it.
    ///
    /// # Errors
    /// If the call fails or the plugin refuses the pool.
    pub fn apply(&mut self, pool: &Pool, upstreams: Arc<dyn Upstreams>) -> Result<(), PluginError> {
        self.store.data_mut().balancing.upstreams = Some(upstreams);
        self.work(|world, store| {
            world
                .muster_load_balancer_balancer()
                .call_apply(store, pool)
        })?
        .map_err(PluginError::Reported)
    }

    /// Lets the plugin choose the upstream of a request. The head is lent to the
    /// store during the call.
    ///
    /// # Errors
    /// If the call fails.
    pub fn decide(
        &mut self,
        asked: &mut Asked,
        head: &mut Parts,
    ) -> Result<Option<u32>, PluginError> {
        let (empty, ()) = http::Request::new(()).into_parts();
        let state = self.store.data_mut();
        state.head = Some(std::mem::replace(head, empty));
        state.balancing.asked = std::mem::take(asked);
        let decision = self.call(
            |world: &mut BalancerWorld, store: &mut Store<PluginState>| {
                world
                    .muster_load_balancer_balancer()
                    .call_decide(store, Resource::new_borrow(0))
            },
        );
        let state = self.store.data_mut();
        *asked = std::mem::take(&mut state.balancing.asked);
        if let Some(lent) = state.head.take() {
            *head = lent;
        }
        decision
    }
}
