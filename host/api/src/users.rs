//! Users: people, and what they are to this Muster.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{id::UserId, permissions::Permission};

/// What a user is to this Muster: the bundle of permissions that goes with it.
/// Later ones may do more than earlier ones.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum UserType {
    /// Looks on.
    Viewer,
    /// Pushes apps in projects.
    #[default]
    Developer,
    /// Looks after the platform and everybody's apps.
    Operator,
    /// May do everything.
    Admin,
}

impl UserType {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Developer, Self::Viewer];

    /// Its word, which is also the name of its bundle.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }
}

/// Where a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserState {
    /// Signed up; has not yet shown that the e-mail address is theirs.
    Unverified,
    /// Waits for somebody to activate them.
    Pending,
    /// May sign in.
    Active,
    /// May not sign in until somebody activates them again.
    Suspended,
    /// Gone for good; only the name in the audit log is left.
    Deleted,
}

impl UserState {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Names the user for life.
    pub id: UserId,
    /// What the user signs in with; unique.
    pub name: String,
    /// Their name as people say it; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// Where mail reaches them; in lower case, unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether they have shown that the address is theirs.
    pub email_verified: bool,
    /// What they are to this Muster.
    #[serde(rename = "type")]
    pub kind: UserType,
    /// Where they stand.
    pub state: UserState,
    /// When they were made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When they last signed in.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_login_at: Option<OffsetDateTime>,
}

/// Changes one's own password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    pub current: String,
    /// The password from now on.
    pub new: String,
}

/// Which users a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Only those in this state; all but the deleted unless told.
    pub state: Option<UserState>,
    /// Only those of this type.
    #[serde(rename = "type")]
    pub kind: Option<UserType>,
}

/// Who somebody is and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// What they may do everywhere.
    pub permissions: Vec<Permission>,
    /// What they may do in single projects.
    pub projects: Vec<ProjectRights>,
}

/// What somebody may do in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectRights {
    /// The project's name.
    pub project: String,
    /// What they may do in it.
    pub permissions: Vec<Permission>,
}
