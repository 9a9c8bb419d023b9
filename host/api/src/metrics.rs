//! What became of an app's requests, a short stretch of time after the other.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::platform_log::LogGap;

/// What became of an app's requests in the last hour: of all hosts that it is reached
/// by if the leader is asked, else of the one that is. Hosts keep this in memory: it
/// begins anew when they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppMetrics {
    /// How many seconds a stretch has.
    #[schema(example = 10)]
    pub stretch_seconds: u32,
    /// When the newest stretch that is over ended.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    /// The stretches that are over and in which requests ended, oldest first.
    pub stretches: Vec<Stretch>,
    /// Hosts whose part is missing, and why.
    pub missing: Vec<LogGap>,
}

/// What became of the requests that ended in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stretch {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// How many requests ended.
    #[schema(example = 1250)]
    pub requests: u64,
    /// How many of them were answered with a status of 500 or above.
    #[schema(example = 3)]
    pub failed: u64,
    /// Half of them took at most about this long, in microseconds; what took longer
    /// than 30 seconds counts as that.
    #[schema(example = 840)]
    pub median_micros: u64,
    /// 95 of a hundred took at most about this long, in microseconds; as above.
    #[schema(example = 4100)]
    pub p95_micros: u64,
}
