//! Section `jobs`: how long jobs are remembered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long jobs are remembered once they have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// How many days after its end a job is forgotten; 0 for never.
    pub keep_days: u32,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self { keep_days: 30 }
    }
}
