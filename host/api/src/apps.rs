//! Apps: what users push and reach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    id::{AppId, DropletId, InstanceId},
    settings::Settings,
    units::ByteSize,
};

/// Whether an app should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DesiredState {
    /// It should run.
    Started,
    /// It should not.
    Stopped,
}

/// What one instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being loaded, or waiting for its first passed health check.
    Starting,
    /// Serving.
    Running,
    /// Finishing its requests; takes no new ones.
    Stopping,
    /// Ended by itself.
    Crashed,
}

/// One placement of an app's release on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its place among the app's instances, from 0.
    pub index: u32,
    /// The release it runs.
    pub release: u64,
    /// The name of the host that it is on.
    #[schema(example = "edge-1")]
    pub host: String,
    /// Why it is there and not elsewhere, in a group of several hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it does.
    pub state: InstanceState,
    /// Since when, in RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// Why it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An app as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its name, a DNS label.
    pub name: String,
    /// The name of the project that it belongs to.
    pub project: String,
    /// Whether it should run.
    pub state: DesiredState,
    /// How many instances it should have.
    pub instances: u32,
    /// How many serve now.
    pub running: u32,
    /// The release that serves: a droplet with settings, numbered from 1.
    pub release: Option<u64>,
    /// The release that is being rolled out.
    pub next_release: Option<u64>,
    /// The droplet that serves.
    pub droplet: Option<DropletId>,
    /// What it runs with. Values of environment variables are left out here;
    /// `GET /apps/{name}/env` has them.
    pub settings: Settings,
    /// The addresses that reach it.
    pub urls: Vec<String>,
    /// Why the last roll-out or push failed, until one succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When what should run last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An app with its instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppDetail {
    /// The app.
    #[serde(flatten)]
    pub app: App,
    /// Its instances.
    pub placements: Vec<Instance>,
}

/// A change of an app. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppChange {
    /// How many instances it should have, 0 to 1000.
    pub instances: Option<u32>,
    /// A new memory limit; rolls out a new release.
    pub memory: Option<ByteSize>,
}

/// A change of environment variables; rolls out a new release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvChange {
    /// Variables to set.
    pub set: BTreeMap<String, String>,
    /// Variables to remove.
    pub unset: Vec<String>,
}

/// An app's environment variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Env {
    /// Names and values.
    pub env: BTreeMap<String, String>,
}

/// Asks for a return to a kept droplet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rollback {
    /// The droplet; the one before the current one unless told.
    pub droplet: Option<DropletId>,
}
