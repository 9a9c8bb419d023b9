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

/// Makes a user.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name to sign in with.
    #[schema(example = "ada")]
    pub name: String,
    /// Their name as people say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// Where mail reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they are; developer unless told.
    #[serde(default, rename = "type")]
    pub kind: UserType,
    /// Their password. Without one they get a link by which they set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A user who was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedUser {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// The link by which they set their password, unless they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// A link by which somebody sets their password, and how it gets to them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activation {
    /// The address that it is mailed to, if mail is configured and the user has
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
    /// The link, if it is not mailed. It is shown this once; whoever has it can
    /// sign in as the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// How many seconds it is good for.
    pub expires_in: u64,
}

/// Changes a user. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Another name to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another name as people say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Another address, which is not verified then; empty to take it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they are from now on.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<UserType>,
}

/// How many sessions were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedSessions {
    /// How many.
    pub ended: u64,
}

/// The longest name of a user.
pub const MAX_NAME: usize = 63;

/// Says what is wrong with a user's name, or nothing: it begins with a
/// lower-case letter, followed by lower-case letters, digits and `.`, `-`, `_`.
/// A name that looks like an id could stand for somebody else.
///
/// # Errors
/// A sentence for the person who chose the name.
pub fn check_name(name: &str) -> Result<(), String> {
    let first = name.chars().next().ok_or("a name must not be empty")?;
    if name.len() > MAX_NAME {
        return Err(format!("a name has at most {MAX_NAME} characters"));
    }
    if !first.is_ascii_lowercase() {
        return Err(format!(
            "a name begins with a lower-case letter, not with '{first}'"
        ));
    }
    let odd = |c: &char| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
    if let Some(odd) = name.chars().find(odd) {
        return Err(format!(
            "a name has lower-case letters, digits, '.', '-' and '_' only, not '{odd}'"
        ));
    }
    if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("a name ends with a letter or a digit".to_owned());
    }
    if name.parse::<UserId>().is_ok() {
        return Err("a name must not look like an id".to_owned());
    }
    Ok(())
}

/// The longest name as people say it, in bytes.
pub const MAX_DISPLAY_NAME: usize = 200;

/// Says what is wrong with a name as people say it, or nothing: it is one line.
///
/// # Errors
/// A sentence for the person who chose the name.
pub fn check_display_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_DISPLAY_NAME {
        return Err(format!("a name has at most {MAX_DISPLAY_NAME} bytes"));
    }
    if name.contains(char::is_control) {
        return Err("a name has no line feeds or other control characters".to_owned());
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_neither_ids_nor_addresses() {
        for good in ["a", "ada", "ada.lovelace", "a1_b-2", &"x".repeat(63)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "Ada",
            "1a",
            "a@b",
            "ada~1",
            "a b",
            "a\n",
            "ada.",
            "-a",
            "ä",
            "a0890a5d-ac96-774b-bcce-b302099a8057",
            "a0890a5dac96774bbcceb302099a8057",
            &"x".repeat(64),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
