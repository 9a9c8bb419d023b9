//! What this host has plugins do for each role, and what it gives them for that.

use super::{
    call::PluginError,
    code::{PluginLimits, RoleWorld},
    dea::DeaWorld,
    load_balancer::BalancerWorld,
    manifest::Manifest,
    router::RouterWorld,
    stager::StagerWorld,
};

/// What a role is played by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The role, such as `router`.
    pub role: &'static str,
    /// The world's name without version: `muster:router/router-plugin`.
    pub world: &'static str,
    /// The version that this host implements.
    pub version: &'static str,
    /// What the role may import, besides what every plugin may.
    pub imports: &'static [&'static str],
    /// What one instance may use.
    pub limits: PluginLimits,
}

impl Contract {
    /// The contracts of all roles that plugins can play.
    pub const ALL: [Self; 4] = [
        DeaWorld::CONTRACT,
        BalancerWorld::CONTRACT,
        RouterWorld::CONTRACT,
        StagerWorld::CONTRACT,
    ];

    /// The contract of a role; none if no plugin can play it.
    #[must_use]
    pub fn of(role: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contract| contract.role == role)
    }

    /// Whether a plugin is made for this contract, and wants no more than it gets
    /// by it.
    ///
    /// # Errors
    /// What is in the way.
    pub fn check(&self, manifest: &Manifest) -> Result<(), PluginError> {
        let (world, version) = manifest
            .world
            .split_once('@')
            .unwrap_or((&manifest.world, ""));
        // Until 1.0 a minor version may break, so only the patch may differ.
        let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
        if world != self.world || minor(version) != minor(self.version) {
            return Err(PluginError::World {
                found: manifest.world.clone(),
                wanted: format!("{}@{}", self.world, self.version),
            });
        }
        let denied: Vec<String> = manifest
            .imports
            .iter()
            .filter(|name| !self.imports.contains(&name.as_str()))
            .cloned()
            .collect();
        if denied.is_empty() {
            Ok(())
        } else {
            Err(PluginError::Denied(denied))
        }
    }
}
