//! What a plan is made from: hosts, apps, and where their instances are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::amounts::Amounts;

/// Everything that placement depends on, at one moment. The order of the lists says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The hosts of the group, each once.
    pub hosts: Vec<Host>,
    /// The releases that should have instances, each once. During a roll-out an app has two.
    pub apps: Vec<App>,
    /// Where instances are, or were last told to be.
    pub placed: Vec<Placement>,
}

/// One host, and what it can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its id; the last word where nothing else tells two hosts apart.
    pub id: Uuid,
    /// Its name, for people.
    pub name: String,
    /// What it shares a fate with: a rack, a room, a power line. Hosts without one are together
    /// in a zone of their own.
    pub zone: Option<String>,
    /// What apps may ask for.
    pub labels: BTreeMap<String, String>,
    /// Whether it can be given instances.
    pub condition: Condition,
    /// Whether it has the role that runs instances.
    pub runs_apps: bool,
    /// Memory for instances, in bytes.
    pub memory: u64,
    /// CPU for instances, in thousandths of a core.
    pub cpu: u64,
    /// Disk for instances, in bytes.
    pub disk: u64,
}

impl Host {
    /// What it can hold.
    #[must_use]
    pub fn capacity(&self) -> Amounts {
        Amounts {
            memory: self.memory,
            cpu: self.cpu,
            disk: self.disk,
        }
    }
}

/// Whether a host can be given instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It can.
    Ready,
    /// It serves what it has until that is elsewhere, and gets nothing new.
    Draining,
    /// Nothing has been heard of it for too long.
    Lost,
}

/// The instances of one release of one app, all alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The release.
    pub release: Uuid,
    /// The app that it is a release of.
    pub app: Uuid,
    /// The app's name, for people.
    pub name: String,
    /// How many instances there should be.
    pub instances: u32,
    /// Memory of each instance, in bytes.
    pub memory: u64,
    /// CPU of each instance, in thousandths of a core.
    pub cpu: u64,
    /// Disk of each instance, in bytes.
    pub disk: u64,
    /// Where instances may be.
    #[serde(default)]
    pub constraints: Constraints,
}

impl App {
    /// What each instance takes.
    #[must_use]
    pub fn needs(&self) -> Amounts {
        Amounts {
            memory: self.memory,
            cpu: self.cpu,
            disk: self.disk,
        }
    }
}

/// Where instances of an app may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraints {
    /// Labels that the host must have, with these values.
    pub labels: BTreeMap<String, String>,
    /// The only zones; empty for any.
    pub zones: Vec<String>,
    /// At most one instance of the release on each host. Another release of the app may be there
    /// too, or else nothing could be rolled out on a full set of hosts.
    pub one_per_host: bool,
}

/// An instance on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// Its release.
    pub release: Uuid,
    /// Its place among the release's instances, from 0.
    pub index: u32,
    /// Where it is.
    pub host: Uuid,
    /// Whether it runs and may get requests, as last heard.
    pub running: bool,
}
