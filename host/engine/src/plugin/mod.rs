//! Role plugins: components that do a host's jobs, called synchronously and
//! held to limits of memory and time.

mod call;
mod code;
mod contract;
mod dea;
mod io;
mod lifecycle;
mod load_balancer;
mod logging;
mod manifest;
mod router;
mod stager;
mod state;
mod surface;

pub use call::{Plugin, PluginError};
pub use code::{PluginCode, PluginLimits, RoleWorld, is_harmless};
pub use contract::Contract;
pub use lifecycle::Health;
pub use logging::{LogLevel, PluginLog};
pub use manifest::{Manifest, ManifestError};
pub use surface::Surface;

/// The words of the router world.
pub mod routing {
    pub use super::router::{
        Action, Decision, Forward, Outcome, Redirect, Route, RouteKey, RouterPlugin, RouterWorld,
        Scope, TableUpdate, Target,
    };
}

/// The words of the load balancer world.
pub mod balancing {
    pub use super::load_balancer::{
        Asked, BalancerPlugin, BalancerWorld, HashKey, Policy, Pool, Upstream, Upstreams,
    };
}

/// The words of the stager world.
pub mod staging {
    pub use super::stager::{
        Droplet, Entry, File, PackageEntry, PackageError, PackageFiles, Rejection, Source,
        StagerPlugin, StagerWorld, Terms, Wishes,
    };
}

/// The words of the droplet execution agent's world.
pub mod execution {
    pub use super::dea::{
        Action, DeaPlugin, DeaWorld, Decisions, Desired, Instance, Rollout, Share, Snapshot, Start,
        State, Stop,
    };
}
