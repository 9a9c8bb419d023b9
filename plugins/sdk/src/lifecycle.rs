//! What every role plugin does for the host, whatever its role. Each role's
//! trait has these methods, and what they do unless told: nothing, in good
//! health.

pub use crate::bindings::lifecycle::{Condition, Error};

/// Declares the trait of a role: its own methods, and those of the lifecycle.
macro_rules! role_trait {
    ($(#[$about:meta])* pub trait $name:ident { $($methods:tt)* }) => {
        $(#[$about])*
        pub trait $name: Default + 'static {
            $($methods)*

            /// Gets ready to serve. Called once, before everything else.
            ///
            /// # Errors
            /// Why it cannot: the host then tries it with a new instance, after
            /// a pause.
            fn start(&mut self) -> Result<(), $crate::lifecycle::Error> {
                Ok(())
            }

            /// Does housekeeping, every few seconds. Must be safe to repeat.
            ///
            /// # Errors
            /// Why it could not.
            fn reconcile(&mut self) -> Result<(), $crate::lifecycle::Error> {
                Ok(())
            }

            /// Lets go of what is held outside of the plugin. Is not called
            /// where the host loses power.
            fn stop(&mut self) {}

            /// Says how the plugin is. Must return quickly.
            fn health(&self) -> $crate::lifecycle::Condition {
                $crate::lifecycle::Condition::Healthy
            }
        }
    };
}
pub(crate) use role_trait;

/// The one plugin of a component, and its exports that are the same for every
/// role. Yields the type `Exported`, which implements the lifecycle, and the
/// function `held`, which calls the plugin.
#[doc(hidden)]
#[macro_export]
macro_rules! __lifecycle {
    ($plugin:ty, $role:path, $manifest:expr) => {
        ::std::thread_local! {
            static HELD: ::core::cell::RefCell<$plugin> = ::core::cell::RefCell::default();
        }

        fn held<T>(call: impl FnOnce(&mut $plugin) -> T) -> T {
            HELD.with_borrow_mut(call)
        }

        struct Exported;

        impl $crate::bindings::lifecycle::Guest for Exported {
            fn describe() -> $crate::bindings::lifecycle::Description {
                $manifest.description()
            }

            fn start() -> ::core::result::Result<(), $crate::lifecycle::Error> {
                held(<$plugin as $role>::start)
            }

            fn reconcile() -> ::core::result::Result<(), $crate::lifecycle::Error> {
                held(<$plugin as $role>::reconcile)
            }

            fn stop() {
                held(|plugin| {
                    <$plugin as $role>::stop(plugin);
                    *plugin = ::core::default::Default::default();
                });
            }

            fn health() -> $crate::lifecycle::Condition {
                held(|plugin| <$plugin as $role>::health(plugin))
            }
        }

        $crate::bindings::lifecycle::export!(Exported);
    };
}
