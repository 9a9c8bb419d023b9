//! Droplets: what staging makes of packages.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::id::DropletId;

/// A droplet as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Droplet {
    /// Its id.
    pub id: DropletId,
    /// What the stager detected, such as `component`.
    pub detected: String,
    /// The entry point, such as `wasi:http/incoming-handler@0.2`.
    pub entry: String,
    /// The component's digest.
    pub component: String,
    /// Bytes of component and files.
    pub size: u64,
    /// Whether it serves now.
    pub current: bool,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}
