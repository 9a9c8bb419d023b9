//! Projects: to whom apps belong, and who works on them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectState {
    /// Its members work.
    Active,
    /// Its apps are kept but nothing may be added or started.
    Suspended,
    /// Its apps are stopped, nobody is in it, and it can only be deleted.
    Terminated,
}

/// Who may come in, or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JoinPolicy {
    /// Whoever wants to.
    Open,
    /// Whoever an owner agrees to.
    Moderated,
    /// Whoever an owner adds or removes.
    Closed,
}

/// As what somebody is in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRole {
    /// Decides about the project.
    Owner,
    /// Works on its apps.
    Member,
    /// Looks at them.
    Viewer,
}

/// Whether somebody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemberState {
    /// In.
    Member,
    /// Asked to be let in.
    Joining,
    /// In, and asked to be let out.
    Leaving,
}

impl MemberState {
    /// Whether they are in, be it that they want to leave.
    #[must_use]
    pub fn is_in(self) -> bool {
        matches!(self, Self::Member | Self::Leaving)
    }
}
