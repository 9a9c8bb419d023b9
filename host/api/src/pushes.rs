//! Pushes: a package, and what to run it with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    blocks::FileEntry,
    settings::{HealthCheck, Limits, Placement, Settings},
    units::{ByteSize, Millis},
};

/// Limits as far as a push names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsChange {
    /// See [`Limits::memory`].
    pub memory: Option<ByteSize>,
    /// See [`Limits::time`].
    pub time: Option<Millis>,
    /// See [`Limits::cpu`].
    pub cpu: Option<Millis>,
    /// See [`Limits::concurrency`].
    pub concurrency: Option<u32>,
    /// See [`Limits::request_headers`].
    pub request_headers: Option<ByteSize>,
    /// See [`Limits::request_body`].
    pub request_body: Option<ByteSize>,
    /// See [`Limits::response_headers`].
    pub response_headers: Option<ByteSize>,
    /// See [`Limits::response_body`].
    pub response_body: Option<ByteSize>,
}

impl LimitsChange {
    /// The limits with this change made.
    #[must_use]
    pub fn apply(&self, limits: &Limits) -> Limits {
        Limits {
            memory: self.memory.unwrap_or(limits.memory),
            time: self.time.unwrap_or(limits.time),
            cpu: self.cpu.unwrap_or(limits.cpu),
            concurrency: self.concurrency.unwrap_or(limits.concurrency),
            request_headers: self.request_headers.unwrap_or(limits.request_headers),
            request_body: self.request_body.unwrap_or(limits.request_body),
            response_headers: self.response_headers.unwrap_or(limits.response_headers),
            response_body: self.response_body.unwrap_or(limits.response_body),
        }
    }
}

/// Settings as far as a push names them. What it does not name keeps its
/// value from the app's last release, or its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsChange {
    /// Environment variables to set; others stay.
    pub env: BTreeMap<String, String>,
    /// Limits to set; others stay.
    pub limits: LimitsChange,
    /// A new health check.
    pub health: Option<HealthCheck>,
    /// See [`Settings::allow_outbound`].
    pub allow_outbound: Option<Vec<String>>,
    /// See [`Settings::allow_private`].
    pub allow_private: Option<Vec<String>>,
    /// See [`Settings::component`].
    pub component: Option<String>,
    /// See [`Settings::fallback`].
    pub fallback: Option<String>,
    /// See [`Settings::placement`]; all of it is replaced.
    pub placement: Option<Placement>,
}

impl SettingsChange {
    /// The settings with this change made.
    #[must_use]
    pub fn apply(&self, settings: &Settings) -> Settings {
        let mut env = settings.env.clone();
        env.extend(self.env.clone());
        Settings {
            env,
            limits: self.limits.apply(&settings.limits),
            health: self.health.clone().or_else(|| settings.health.clone()),
            allow_outbound: self
                .allow_outbound
                .clone()
                .unwrap_or_else(|| settings.allow_outbound.clone()),
            allow_private: self
                .allow_private
                .clone()
                .unwrap_or_else(|| settings.allow_private.clone()),
            component: self
                .component
                .clone()
                .or_else(|| settings.component.clone()),
            fallback: self.fallback.clone().or_else(|| settings.fallback.clone()),
            placement: self
                .placement
                .clone()
                .unwrap_or_else(|| settings.placement.clone()),
        }
    }
}

/// A push. The app is made if there is none of that name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// The project that a new app goes into, by name; the pusher's own unless
    /// told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The package: its files as lists of blocks, which must have been
    /// uploaded.
    pub files: Vec<FileEntry>,
    /// What to run it with.
    pub settings: SettingsChange,
    /// Routes to add, each `HOST` or `HOST/PREFIX`. A new app that names none
    /// gets `NAME.` and the host's app domain.
    pub routes: Vec<String>,
    /// How many instances; 1 for a new app, else unchanged.
    pub instances: Option<u32>,
    /// Stage only, do not start: the app's state stays, and a stopped or new
    /// app stays stopped.
    pub no_start: bool,
}
