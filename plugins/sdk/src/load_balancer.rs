//! Load balancers, which choose the router of the group that serves a request:
//! `muster:load-balancer/load-balancer-plugin@0.1.0`.

pub use crate::bindings::load_balancer::role::{HashKey, Policy, Pool, Upstream};
use crate::{bindings::load_balancer::Request as Lent, lifecycle::role_trait};

/// The request that needs an upstream, and what the host knows of those.
/// [`testing::Request`](crate::testing::Request) is one for tests.
pub trait Request {
    /// A number drawn anew at each call.
    fn lot(&self) -> u32;
    /// Whether that upstream may serve this request: it is well, takes new
    /// requests, and has not failed this one already.
    fn may_serve(&self, upstream: u32) -> bool;
    /// How many requests of this load balancer that upstream has under way.
    fn in_flight(&self, upstream: u32) -> u32;
    /// The client's address, as text.
    fn client_address(&self) -> String;
    /// The first header of that name that is text.
    fn header(&self, name: &str) -> Option<String>;
}

impl Request for Lent {
    fn lot(&self) -> u32 {
        self.lot()
    }

    fn may_serve(&self, upstream: u32) -> bool {
        self.may_serve(upstream)
    }

    fn in_flight(&self, upstream: u32) -> u32 {
        self.in_flight(upstream)
    }

    fn client_address(&self) -> String {
        self.client_address()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.header(name)
    }
}

role_trait! {
    /// A load balancer. The host runs one for each thread that serves requests,
    /// each with the whole pool; it connects, checks health and counts by
    /// itself. Make a plugin of it with [`export!`].
    pub trait LoadBalancer {
        /// Takes in another pool, in place of the one before.
        ///
        /// # Errors
        /// Why the pool is refused. The one before must then stay.
        fn apply(&mut self, pool: Pool) -> Result<(), String>;

        /// Chooses the upstream of a request by its place in the pool; none if
        /// none may serve it.
        fn decide(&mut self, request: &dyn Request) -> Option<u32>;
    }
}

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: LoadBalancer>(_: &crate::Manifest) {}

/// Makes a load balancer plugin of a type that implements [`LoadBalancer`]. Its
/// manifest has name, version and description of the crate, and wants all that
/// a load balancer may have; `name`, `summary` and `imports` after the type say
/// otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_load_balancer {
    ($plugin:ty $(, $($declared:tt)*)?) => {
        const _: () = {
            const MANIFEST: $crate::Manifest = $crate::__manifest! {
                role: "load-balancer",
                world: "muster:load-balancer/load-balancer-plugin@0.1.0",
                offered: ["wasi:logging/logging@0.1.0-draft", "muster:load-balancer/requests@0.1.0"];
                $($($declared)*)?
            };
            // Elsewhere, where a plugin is tested, its exports do not link.
            #[cfg(not(target_family = "wasm"))]
            const _: () = $crate::load_balancer::implemented::<$plugin>(&MANIFEST);
            #[cfg(target_family = "wasm")]
            const _: () = {
                $crate::__lifecycle!($plugin, $crate::load_balancer::LoadBalancer, MANIFEST);

                impl $crate::bindings::load_balancer::role::Guest for Exported {
                    fn apply(
                        pool: $crate::load_balancer::Pool,
                    ) -> ::core::result::Result<(), ::std::string::String> {
                        held(|plugin| $crate::load_balancer::LoadBalancer::apply(plugin, pool))
                    }

                    fn decide(
                        request: &$crate::bindings::load_balancer::Request,
                    ) -> ::core::option::Option<u32> {
                        held(|plugin| $crate::load_balancer::LoadBalancer::decide(plugin, request))
                    }
                }

                $crate::bindings::load_balancer::export_role!(Exported);
            };
        };
    };
}

#[doc(inline)]
pub use __export_load_balancer as export;
