//! Roles: the jobs of a host.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What a role does right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleState {
    /// Available, but not on this host.
    Absent,
    /// On this host, but stopped by somebody until it is started again.
    Stopped,
    /// Being loaded.
    Starting,
    /// Doing its job.
    Running,
    /// Doing its job with a handicap.
    Degraded,
    /// Not doing its job; restarted after a pause.
    Failing,
}

impl RoleState {
    /// Whether the host is to do the role's job.
    #[must_use]
    pub fn is_played(self) -> bool {
        !matches!(self, Self::Absent | Self::Stopped)
    }
}

/// A role as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name, such as `router`.
    pub name: String,
    /// What it does right now.
    pub state: RoleState,
    /// Whether it is part of the host rather than a plugin.
    pub builtin: bool,
    /// Whether it takes no other role that a plugin plays beside it on its host.
    #[serde(default)]
    pub alone: bool,
    /// What it is for.
    pub summary: String,
    /// The plugin, if it is one.
    pub plugin: Option<RolePlugin>,
    /// How often it was restarted since the host started.
    pub restarts: u32,
    /// What last went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it last went wrong.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_error_at: Option<OffsetDateTime>,
}

/// The component behind a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolePlugin {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The world it implements, such as `muster:router/router-plugin@0.1.0`.
    pub world: String,
    /// The host interfaces it wants.
    pub imports: Vec<String>,
    /// The component's SHA-256.
    pub digest: String,
    /// Whether it came with the host.
    pub bundled: bool,
    /// Largest memory of one instance, in bytes.
    pub memory_limit: u64,
    /// Longest call, in milliseconds.
    pub call_limit_ms: u64,
}
