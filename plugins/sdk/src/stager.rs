//! Stagers, which make droplets of packages: `muster:stager/stager-plugin@0.1.0`.

pub use crate::bindings::stager::{
    packages::{Entry as PackageEntry, Error as PackageError},
    role::{Droplet, Entry, File, Rejection, Source, Terms, Wishes},
};
use crate::{bindings::stager::packages::Package as Lent, lifecycle::role_trait};

/// What a user pushed: a list of files.
/// [`testing::Package`](crate::testing::Package) is one for tests.
pub trait Package {
    /// The files, sorted by path.
    fn entries(&self) -> Vec<PackageEntry>;

    /// Up to `length` bytes of a file from `offset` on; fewer at its end.
    ///
    /// # Errors
    /// If there is no such file or its bytes cannot be had.
    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError>;
}

impl Package for Lent {
    fn entries(&self) -> Vec<PackageEntry> {
        self.entries()
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError> {
        self.read(path, offset, length)
    }
}

role_trait! {
    /// A stager. The host makes a new one for each package. Make a plugin of it
    /// with [`export!`].
    pub trait Stager {
        /// Stages a package. Must not keep anything for the next call.
        ///
        /// # Errors
        /// Why the package is refused, for whoever pushed it.
        fn stage(
            &mut self,
            package: &dyn Package,
            wishes: Wishes,
            terms: Terms,
        ) -> Result<Droplet, Rejection>;
    }
}

/// Compiles only for what [`export!`] accepts.
#[doc(hidden)]
pub const fn implemented<T: Stager>(_: &crate::Manifest) {}

/// Makes a stager plugin of a type that implements [`Stager`]. Its manifest has
/// name, version and description of the crate, and wants all that a stager may
/// have; `name`, `summary` and `imports` after the type say otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_stager {
    ($plugin:ty $(, $($declared:tt)*)?) => {
        const _: () = {
            const MANIFEST: $crate::Manifest = $crate::__manifest! {
                role: "stager",
                world: "muster:stager/stager-plugin@0.1.0",
                offered: ["wasi:logging/logging@0.1.0-draft", "muster:packages/packages@0.1.0"];
                $($($declared)*)?
            };
            // Elsewhere, where a plugin is tested, its exports do not link.
            #[cfg(not(target_family = "wasm"))]
            const _: () = $crate::stager::implemented::<$plugin>(&MANIFEST);
            #[cfg(target_family = "wasm")]
            const _: () = {
                $crate::__lifecycle!($plugin, $crate::stager::Stager, MANIFEST);

                impl $crate::bindings::stager::role::Guest for Exported {
                    fn stage(
                        package: &$crate::bindings::stager::packages::Package,
                        wishes: $crate::stager::Wishes,
                        terms: $crate::stager::Terms,
                    ) -> ::core::result::Result<$crate::stager::Droplet, $crate::stager::Rejection> {
                        held(|plugin| $crate::stager::Stager::stage(plugin, package, wishes, terms))
                    }
                }

                $crate::bindings::stager::export_role!(Exported);
            };
        };
    };
}

#[doc(inline)]
pub use __export_stager as export;
