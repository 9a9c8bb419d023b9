//! The world of load balancer plugins: `muster:load-balancer/load-balancer-plugin`. A plugin implements
//! [`role::Guest`] and [`lifecycle::Guest`](crate::lifecycle::Guest) for a
//! type and hands that to [`export!`].
#![allow(missing_docs, unsafe_code, reason = "generated from wit/")]

// The world without the lifecycle, whose bindings all roles share. The linker
// joins both into the whole world.
wit_bindgen::generate!({
    inline: "package muster:sdk; world load-balancer-role { import muster:load-balancer/requests@0.1.0; export muster:load-balancer/balancer@0.1.0; }",
    path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/load-balancer"],
    generate_all,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_role",
    default_bindings_module: "muster_sdk::load_balancer",
});

pub use exports::muster::load_balancer::balancer as role;
pub use muster::load_balancer::requests::Request;

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: role::Guest + crate::lifecycle::Guest>() {}

/// Makes a component of a type that implements this role and the lifecycle.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_load_balancer {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::lifecycle::export!($plugin);
            $crate::load_balancer::export_role!($plugin);
        };
        // Elsewhere, where a plugin's modules are tested, such exports do not link.
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::load_balancer::implemented::<$plugin>();
    };
}

#[doc(inline)]
pub use __export_load_balancer as export;
