//! Who may do what: access roles, which are bundles of permissions, and access
//! bindings, which give them to users.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{
    id::BindingId,
    permissions::{Permission, Reach},
};

/// A permission, as the list of all of them has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionEntry {
    /// The permission.
    pub permission: Permission,
    /// What it allows.
    pub description: String,
    /// Whether it can be had for single projects.
    pub reach: Reach,
}

/// A bundle of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRole {
    /// Its name, a DNS label.
    #[schema(example = "auditor")]
    pub name: String,
    /// For whom it is.
    pub description: String,
    /// What it holds.
    pub permissions: Vec<Permission>,
    /// Whether it has been there from the beginning, and cannot be changed.
    pub built_in: bool,
}

/// A new access role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccessRole {
    /// Its name, a DNS label.
    #[schema(example = "auditor")]
    pub name: String,
    /// For whom it is; at most 1000 characters.
    pub description: String,
    /// What it holds; everywhere, you must have all of it.
    pub permissions: Vec<Permission>,
}

/// A change of an access role. What is absent stays. It counts at once for
/// everybody who has the role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessRoleChange {
    /// For whom it is; at most 1000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it holds from then on; everywhere, you must have what is new of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
}

/// Somebody's having an access role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessBinding {
    /// Names it for life.
    pub id: BindingId,
    /// The user's name.
    #[schema(example = "ada")]
    pub user: String,
    /// The access role's name.
    #[schema(example = "auditor")]
    pub role: String,
    /// The project, by name; everywhere if there is none. In a project only
    /// those of the role's permissions count that reach single projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Gives somebody an access role. You must have all that it holds there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccessBinding {
    /// The user's name.
    pub user: String,
    /// The access role's name.
    pub role: String,
    /// The project, by name; everywhere unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Which bindings a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BindingQuery {
    /// Only those of this user, by name.
    pub user: Option<String>,
    /// Only those in this project, by name.
    pub project: Option<String>,
}
