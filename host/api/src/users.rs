//! Users: who may sign in, and what they are by and large.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user is by and large. In order: each may do more than the one
/// before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum UserType {
    /// Looks, and changes nothing.
    Viewer,
    /// Pushes and runs apps.
    Developer,
    /// Runs the hosts.
    Operator,
    /// Everything.
    Admin,
}
