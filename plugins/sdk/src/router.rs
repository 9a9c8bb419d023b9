//! The world of router plugins: `muster:router/router-plugin`. A plugin implements
//! [`role::Guest`] and [`lifecycle::Guest`](crate::lifecycle::Guest) for a
//! type and hands that to [`export!`].
#![allow(missing_docs, unsafe_code, reason = "generated from wit/")]

// The world without the lifecycle, whose bindings all roles share. The linker
// joins both into the whole world.
wit_bindgen::generate!({
    inline: "package muster:sdk; world router-role { import muster:router/heads@0.1.0; export muster:router/router@0.1.0; }",
    path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/router"],
    generate_all,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_role",
    default_bindings_module: "muster_sdk::router",
});

pub use exports::muster::router::router as role;
pub use muster::router::heads::Head;

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: role::Guest + crate::lifecycle::Guest>() {}

/// Makes a component of a type that implements this role and the lifecycle.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_router {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::lifecycle::export!($plugin);
            $crate::router::export_role!($plugin);
        };
        // Elsewhere, where a plugin's modules are tested, such exports do not link.
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::router::implemented::<$plugin>();
    };
}

#[doc(inline)]
pub use __export_router as export;
