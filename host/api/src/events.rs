//! Events: what changed, in the order in which it did.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It is gone.
    Deleted,
}

impl EventKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// One change: the data of a server-sent event named `RESOURCE.KIND`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its place in the log of changes, growing; the event's id.
    #[schema(example = 1742)]
    pub revision: u64,
    /// What kind of thing changed.
    #[schema(example = "app")]
    pub resource: String,
    /// Which one: an id, or for roles a name.
    #[schema(example = "0199d1a2-7f30-7a52-9bd2-6b1b1c3d1e4f")]
    pub id: String,
    /// What happened to it.
    pub kind: EventKind,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// The data of an event named `reset`: changes were missed, because the host
/// keeps only the newest. Whoever gets it must read anew what they follow, and
/// then goes on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    /// From which change on events follow.
    pub revision: u64,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Begin after this revision; with the next change unless told.
    #[param(minimum = 0)]
    pub since: Option<u64>,
    /// Only changes of these kinds of things, with commas between, such as
    /// `app,job`.
    pub resource: Option<String>,
    /// Whether to go on with changes as they happen, which is the default. If
    /// not, the stream ends with the newest one, and begins with the oldest one
    /// that is kept unless `since` is told.
    pub follow: Option<bool>,
}
