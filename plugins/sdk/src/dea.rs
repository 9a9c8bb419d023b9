//! Droplet execution agents, which decide what a host starts and stops:
//! `muster:dea/dea-plugin@0.1.0`.

pub use crate::bindings::dea::{
    role::{Action, Decisions, Rollout, Start, Stop},
    workloads::{Desired, Instance, Release, Share, Snapshot, State},
};
use crate::lifecycle::role_trait;

role_trait! {
    /// A droplet execution agent. The host runs one, asks it whenever something
    /// has changed, and does what it says. Make a plugin of it with [`export!`].
    pub trait Dea {
        /// Decides what the host does next. The same snapshot gives the same
        /// decisions, but for what is remembered of crashes to space out
        /// restarts.
        fn decide(&mut self, snapshot: Snapshot) -> Decisions;
    }
}

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: Dea>(_: &crate::Manifest) {}

/// Makes a plugin of a type that implements [`Dea`]. Its manifest has name,
/// version and description of the crate, and wants all that a droplet execution
/// agent may have; `name`, `summary` and `imports` after the type say otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_dea {
    ($plugin:ty $(, $($declared:tt)*)?) => {
        const _: () = {
            const MANIFEST: $crate::Manifest = $crate::__manifest! {
                role: "dea",
                world: "muster:dea/dea-plugin@0.1.0",
                offered: ["wasi:logging/logging@0.1.0-draft", "muster:workloads/workloads@0.1.0"];
                $($($declared)*)?
            };
            // Elsewhere, where a plugin is tested, its exports do not link.
            #[cfg(not(target_family = "wasm"))]
            const _: () = $crate::dea::implemented::<$plugin>(&MANIFEST);
            #[cfg(target_family = "wasm")]
            const _: () = {
                $crate::__lifecycle!($plugin, $crate::dea::Dea, MANIFEST);

                impl $crate::bindings::dea::role::Guest for Exported {
                    fn decide(snapshot: $crate::dea::Snapshot) -> $crate::dea::Decisions {
                        held(|plugin| $crate::dea::Dea::decide(plugin, snapshot))
                    }
                }

                $crate::bindings::dea::export_role!(Exported);
            };
        };
    };
}

#[doc(inline)]
pub use __export_dea as export;
