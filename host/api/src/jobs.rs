//! Jobs: what takes longer than a moment.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{id::JobId, problem::Problem};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waiting for its turn.
    Queued,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// Ended with a problem.
    Failed,
    /// Cancelled by somebody.
    Cancelled,
}

impl std::fmt::Display for JobState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

impl JobState {
    /// Whether the job has ended, one way or another.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How much of a job is done. Both count the same things: the steps of a push,
/// and each instance that is to serve in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// How many are done. It may fall, as when an instance that served crashes.
    #[schema(example = 3)]
    pub done: u64,
    /// How many there are.
    #[schema(example = 5)]
    pub total: u64,
}

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does: `push`, `rollout`.
    pub kind: String,
    /// What it works on, such as an app's name.
    pub subject: String,
    /// How far it is.
    pub state: JobState,
    /// What it is doing right now, for people.
    pub step: String,
    /// How much of it is done; null as long as nobody knows how much there is.
    #[serde(default)]
    #[schema(required)]
    pub progress: Option<Progress>,
    /// What happened so far, a line each.
    pub log: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ended.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ended_at: Option<OffsetDateTime>,
}

/// Which jobs of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobFilter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of the app of this name, be it there or gone.
    pub app: Option<String>,
}

/// How to ask for a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Answer when the job has more than so many log lines or has ended, or
    /// after 20 seconds.
    pub after_lines: Option<usize>,
}
