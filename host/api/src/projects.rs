//! Projects: to whom apps belong, and who works on them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::id::ProjectId;

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

impl MemberRole {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
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

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Names the project for life. A personal project bears its user's id.
    pub id: ProjectId,
    /// Its name, a DNS label; a personal project is named after its user.
    #[schema(example = "shop")]
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it stands.
    pub state: ProjectState,
    /// Who may join.
    pub join_policy: JoinPolicy,
    /// Who may leave.
    pub leave_policy: JoinPolicy,
    /// Whether it is one user's own, which nobody can join.
    pub personal: bool,
    /// As what you are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<MemberRole>,
    /// Whether you are in, or wait to be let in or out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<MemberState>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// A new project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewProject {
    /// Its name, a DNS label that no other project and no user has.
    #[schema(example = "shop")]
    pub name: String,
    /// What it is for; at most 1000 characters.
    pub description: String,
    /// Who may join; `closed` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_policy: Option<JoinPolicy>,
    /// Who may leave; `open` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_policy: Option<JoinPolicy>,
    /// Its first owner, by name; you unless told. Naming somebody else takes
    /// `project:write` everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A change of a project. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectChange {
    /// What it is for; at most 1000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_policy: Option<JoinPolicy>,
    /// Who may leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_policy: Option<JoinPolicy>,
}

/// Somebody in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The user's name.
    #[schema(example = "ada")]
    pub user: String,
    /// As what.
    pub role: MemberRole,
    /// Whether they are in, or wait to be let in or out.
    pub state: MemberState,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// As what somebody is in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// As what.
    pub role: MemberRole,
}

/// Where an app goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The project that the app belongs to from then on, by name.
    pub project: String,
}
