//! Section `audit`: how long the audit log is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;

/// How long the audit log is kept. What is removed leaves its last hash behind,
/// so that the rest can still be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// How many days an entry is kept, at most 36500; 0 for ever.
    #[schema(maximum = 36_500)]
    pub keep_days: u32,
    /// How many entries are kept at most, whatever their age, 1000 or more.
    /// When there are more, the oldest tenth goes.
    #[schema(minimum = 1_000, maximum = 1_000_000_000)]
    pub max_entries: u64,
}

impl AuditConfig {
    /// The fewest entries that may be kept.
    pub const MIN_ENTRIES: u64 = 1000;
    /// The most of them.
    pub const MAX_ENTRIES: u64 = 1_000_000_000;
    /// The longest time for which an entry can be kept without keeping all.
    pub const MAX_DAYS: u32 = 36_500;

    /// Checks what each field alone does not tell.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        if self.keep_days > Self::MAX_DAYS {
            let most = Self::MAX_DAYS;
            let problem = format!("{most} at most, or 0 for ever");
            return Err(InvalidSection::new("keep_days", problem));
        }
        if self.max_entries > Self::MAX_ENTRIES {
            let most = Self::MAX_ENTRIES;
            return Err(InvalidSection::new(
                "max_entries",
                format!("{most} at most"),
            ));
        }
        if self.max_entries < Self::MIN_ENTRIES {
            let least = Self::MIN_ENTRIES;
            return Err(InvalidSection::new(
                "max_entries",
                format!("{} is too few: {least} or more", self.max_entries),
            ));
        }
        Ok(())
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            keep_days: 365,
            max_entries: 1_000_000,
        }
    }
}
