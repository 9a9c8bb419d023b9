//! The stager role: makes droplets of packages.
//!
//! [`detect`] finds out what a package is; [`component`] checks a component
//! and [`site`] lays out a static site. [`reject`] has every reason for which
//! a package is refused.

use muster_sdk::stager::{self, Droplet, Package, Rejection, Terms, Wishes};

pub mod component;
pub mod detect;
pub mod interface;
pub mod package;
pub mod reject;
pub mod site;
pub mod sniff;

#[derive(Default)]
struct Stager;

impl stager::Stager for Stager {
    fn stage(
        &mut self,
        package: &dyn Package,
        wishes: Wishes,
        terms: Terms,
    ) -> Result<Droplet, Rejection> {
        detect::stage(package, &wishes, &terms).map_err(Into::into)
    }
}

muster_sdk::stager::export!(
    Stager,
    name: "stager",
    summary: "Makes droplets of what is pushed",
    imports: ["muster:packages/packages@0.1.0"],
);
