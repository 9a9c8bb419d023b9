//! Access keys: what programs, appliances and other Musters show in place of a
//! password. A key trades its id and secret for short access tokens at
//! `/oauth/token` (grant `client_credentials`).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{factors::Proof, permissions::Permission, units::Millis};

/// The id of the key that every host has from its installation.
pub const INTERNAL_KEY: &str = "cliapp";
/// The file in a host's data directory that holds the internal key, as a
/// [`LocalKey`].
pub const INTERNAL_KEY_FILE: &str = "cliapp.key";

/// Whether a key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody put an end to it.
    Revoked,
}

/// An access key, without its secret, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessKey {
    /// Names the key for life: `MK` and 18 letters and digits, or `cliapp`.
    #[schema(example = "MK7Q2ZJ4M3XW5A6TBC2D")]
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The name of the user for whom it acts; absent for the host's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether it is the host's own key, which cannot be revoked.
    pub internal: bool,
    /// Whether it is good.
    pub state: KeyState,
    /// All that it may do at most; everything that its user may, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Permission>>,
    /// The networks that it may be used from, in CIDR notation; from anywhere
    /// if there are none.
    pub networks: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it got the secret that it has.
    #[serde(with = "time::serde::rfc3339")]
    pub rotated_at: OffsetDateTime,
    /// Until when the secret before that is good as well.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub previous_until: Option<OffsetDateTime>,
    /// When it ends by itself.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_used_at: Option<OffsetDateTime>,
    /// The address that it was last used from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
}

/// A key with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyWithSecret {
    /// The key.
    #[serde(flatten)]
    pub key: AccessKey,
    /// The secret: `muster_key_` and 43 letters, digits, `-` and `_`.
    pub secret: String,
}

/// Asks for a new key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// What it is for; 1 to 100 characters.
    pub name: String,
    /// All that it may do at most, which must be among what you may; everything
    /// that you may, now and later, unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Permission>>,
    /// The networks that it may be used from, in CIDR notation such as
    /// `10.1.0.0/16`, or single addresses; from anywhere if there are none.
    pub networks: Vec<String>,
    /// After which time it ends; never unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Millis>,
    /// Shows anew who is there. A login of the last ten minutes will do without.
    #[serde(skip_serializing_if = "Proof::is_empty")]
    pub proof: Proof,
}

/// Asks for a new secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRotation {
    /// How long the secret so far stays good, at most seven days. Unless told
    /// it ends at once, with the access tokens that were bought with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Millis>,
}

/// Whose keys a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeyQuery {
    /// Only those of this user, by name or id.
    pub user: Option<String>,
}

/// What the file of the internal key holds: enough to get in for whoever may
/// read the host's data directory.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalKey {
    /// The key's id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where the host's API listens.
    pub url: String,
}
