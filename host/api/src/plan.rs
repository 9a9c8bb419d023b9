//! What a change would do, told before it is made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a change does, a line each. `?dry_run=true` asks for it and for nothing
/// else; what removes something answers with it when it is done as well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// What goes.
    #[schema(example = json!(["the app shop", "1 instance and 2 droplets"]))]
    pub removes: Vec<String>,
    /// What is different afterwards, or new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Whether it was done, or only shown.
    pub done: bool,
}
