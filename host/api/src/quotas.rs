//! Quotas: how much of what a project, or one of its members, may use.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::id::QuotaId;

/// What is counted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Bytes of memory: of each app that is started, its instances times its
    /// memory limit.
    Memory,
    /// Milliseconds of CPU time that one request to every instance may take
    /// together: of each app that is started, its instances times its CPU limit.
    Cpu,
    /// Instances of apps that are started.
    Instances,
    /// Apps, started or not.
    Apps,
    /// Routes.
    Routes,
    /// Bytes of the droplets that are kept.
    Disk,
    /// Bytes of objects. Nothing uses any yet.
    Objects,
}

impl Resource {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Memory,
        Self::Cpu,
        Self::Instances,
        Self::Apps,
        Self::Routes,
        Self::Disk,
        Self::Objects,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Instances => "instances",
            Self::Apps => "apps",
            Self::Routes => "routes",
            Self::Disk => "disk",
            Self::Objects => "objects",
        }
    }

    /// Whether it is counted in bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Memory | Self::Disk | Self::Objects)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Resource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.word() == text);
        found.ok_or_else(|| {
            let words = Self::ALL.map(Self::word).join(", ");
            format!("'{text}' is none of {words}")
        })
    }
}

/// How much of something may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// Names it for life.
    pub id: QuotaId,
    /// The project, by name. Without one it holds for each project that has no
    /// quota of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The user, by name: it holds for the apps that they made there, beside
    /// what holds for the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of what.
    pub resource: Resource,
    /// How much.
    pub limit: u64,
    /// When it was last set.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Sets a quota, in place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuota {
    /// The project, by name; each of them unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The user, by name; all that is in the project unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of what.
    pub resource: Resource,
    /// How much, from 0 on.
    #[schema(maximum = 9_223_372_036_854_775_807_u64)]
    pub limit: u64,
}

/// Which project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuotaQuery {
    /// Only this project, by name.
    pub project: Option<String>,
}

/// What is used of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Of what.
    pub resource: Resource,
    /// For whose apps: those of this user; everybody's unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How much is used.
    pub used: u64,
    /// How much is reserved beside that, by jobs under way.
    pub reserved: u64,
    /// How much may be used; as much as there is unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u64>,
}

/// Why something is more than a quota allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverQuota {
    /// Of what there would be too much.
    pub resource: Resource,
    /// The project.
    pub project: String,
    /// The user, if it is their own quota in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How much is used and reserved already.
    pub used: u64,
    /// How much was asked for beside that.
    pub asked: u64,
    /// How much may be used.
    pub allowed: u64,
}
