//! The stager role: makes droplets of packages.
//!
//! [`detect`] finds out what a package is; [`component`] checks a component
//! and [`site`] lays out a static site. [`reject`] has every reason for which
//! a package is refused. None of them knows the host; this file is all that
//! does.

use muster_sdk::{
    Manifest,
    stager::{
        packages,
        role::{self, Droplet, Rejection, Terms, Wishes},
    },
};

pub mod component;
pub mod detect;
pub mod interface;
pub mod package;
pub mod reject;
pub mod site;
pub mod sniff;

const MANIFEST: Manifest = muster_sdk::manifest! {
    name: "stager",
    role: "stager",
    world: "muster:stager/stager-plugin@0.1.0",
    summary: "Makes droplets of what is pushed",
    imports: ["muster:packages/packages@0.1.0"],
};

struct Plugin;

impl role::Guest for Plugin {
    fn stage(
        package: &packages::Package,
        wishes: Wishes,
        terms: Terms,
    ) -> Result<Droplet, Rejection> {
        detect::stage(&Lent(package), &wishes, &terms).map_err(Into::into)
    }
}

/// The package as the host lends it.
struct Lent<'a>(&'a packages::Package);

impl package::Package for Lent<'_> {
    fn entries(&self) -> Vec<packages::Entry> {
        self.0.entries()
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, packages::Error> {
        self.0.read(path, offset, length)
    }
}

muster_sdk::plain_lifecycle!(Plugin, MANIFEST);
muster_sdk::stager::export!(Plugin);
