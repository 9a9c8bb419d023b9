//! Routers, which decide where each request goes:
//! `muster:router/router-plugin@0.1.0`.

pub use crate::bindings::router::role::{
    Action, Decision, Forward, Outcome, Redirect, Route, RouteKey, Scope, TableUpdate, Target,
};
use crate::{bindings::router::Head as Lent, lifecycle::role_trait};

/// The head of the request that is being decided on.
/// [`testing::Head`](crate::testing::Head) is one for tests.
pub trait Head {
    /// The request method, such as `GET`.
    fn method(&self) -> String;
    /// The first header of that name that is text.
    fn header(&self, name: &str) -> Option<String>;
    /// The value of that cookie.
    fn cookie(&self, name: &str) -> Option<String>;
    /// The query without `?`.
    fn query(&self) -> Option<String>;
    /// A number drawn anew for each request, for weighted choices.
    fn lot(&self) -> u32;
}

impl Head for Lent {
    fn method(&self) -> String {
        self.method()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.header(name)
    }

    fn cookie(&self, name: &str) -> Option<String> {
        self.cookie(name)
    }

    fn query(&self) -> Option<String> {
        self.query()
    }

    fn lot(&self) -> u32 {
        self.lot()
    }
}

role_trait! {
    /// A router. The host runs one for each thread that serves requests, each
    /// with the whole table. Make a plugin of it with [`export!`].
    pub trait Router {
        /// Takes in a change of the route table. Afterwards [`decide`](Self::decide)
        /// goes by it.
        ///
        /// # Errors
        /// Why the change is refused. The table must then be as it was.
        fn apply(&mut self, update: TableUpdate) -> Result<(), String>;

        /// Decides on one request. `host` is lower-case without port; `path` has
        /// no query. The decision's scope says for which other requests the host
        /// may take it, until the table changes.
        fn decide(&mut self, host: &str, path: &str, head: &dyn Head) -> Decision;
    }
}

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: Router>(_: &crate::Manifest) {}

/// Makes a router plugin of a type that implements [`Router`]. Its manifest has
/// name, version and description of the crate, and wants all that a router may
/// have; `name`, `summary` and `imports` after the type say otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_router {
    ($plugin:ty $(, $($declared:tt)*)?) => {
        const _: () = {
            const MANIFEST: $crate::Manifest = $crate::__manifest! {
                role: "router",
                world: "muster:router/router-plugin@0.1.0",
                offered: ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"];
                $($($declared)*)?
            };
            // Elsewhere, where a plugin is tested, its exports do not link.
            #[cfg(not(target_family = "wasm"))]
            const _: () = $crate::router::implemented::<$plugin>(&MANIFEST);
            #[cfg(target_family = "wasm")]
            const _: () = {
                $crate::__lifecycle!($plugin, $crate::router::Router, MANIFEST);

                impl $crate::bindings::router::role::Guest for Exported {
                    fn apply(
                        update: $crate::router::TableUpdate,
                    ) -> ::core::result::Result<(), ::std::string::String> {
                        held(|plugin| $crate::router::Router::apply(plugin, update))
                    }

                    fn decide(
                        host: ::std::string::String,
                        path: ::std::string::String,
                        head: &$crate::bindings::router::Head,
                    ) -> $crate::router::Decision {
                        held(|plugin| $crate::router::Router::decide(plugin, &host, &path, head))
                    }
                }

                $crate::bindings::router::export_role!(Exported);
            };
        };
    };
}

#[doc(inline)]
pub use __export_router as export;
