//! Queues: durable work that waits for whoever does it, and the bus that carries
//! word of it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::id::MessageId;

/// A queue, and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Its name.
    #[schema(example = "mails")]
    pub name: String,
    /// What waits there.
    #[schema(example = "E-mails to be sent")]
    pub about: String,
    /// How many messages wait, be it for their turn or for their next attempt.
    #[schema(example = 2)]
    pub waiting: u64,
    /// How many the bus has taken in, or are being done.
    #[schema(example = 1)]
    pub in_flight: u64,
    /// How many were given up. They stay for 30 days unless somebody sees to them.
    #[schema(example = 0)]
    pub dead: u64,
    /// Since when the oldest waits or is being done; null if none does.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(required)]
    pub oldest_at: Option<OffsetDateTime>,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// It waits for its turn, or for its next attempt.
    Waiting,
    /// The bus has taken it in, or it is being done.
    InFlight,
    /// It was given up.
    Dead,
}

impl std::fmt::Display for MessageState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in-flight",
            Self::Dead => "dead",
        })
    }
}

/// A message of a queue: one thing to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The queue that it is in.
    #[schema(example = "mails")]
    pub queue: String,
    /// What it is about. Of those that wait, no two of a queue are about the same.
    #[schema(example = "verify-email ada@example.org")]
    pub about: String,
    /// How far it is.
    pub state: MessageState,
    /// What is to be done. There are no secrets in it.
    #[schema(value_type = Object, example = json!({ "occasion": "verify-email", "address": "ada@example.org" }))]
    pub body: serde_json::Value,
    /// How often it was begun.
    #[schema(example = 1)]
    pub attempts: u32,
    /// What went wrong the last time; null if nothing did.
    #[serde(default)]
    #[schema(required, example = "the server does not answer")]
    pub last_error: Option<String>,
    /// When it came.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it is to be done, at the earliest.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// When it was given up.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub dead_at: Option<OffsetDateTime>,
}

/// Which messages of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageFilter {
    /// Only those that were given up, or with `false` only those that were not.
    pub dead: Option<bool>,
}

/// How the bus is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bus {
    /// What it is.
    pub kind: BusKind,
    /// Whether it carries something now. Without it everything is done all the
    /// same, if not as soon.
    pub connected: bool,
    /// The servers that it may be reached by.
    #[schema(example = json!(["10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"]))]
    pub servers: Vec<String>,
    /// The one that it is reached by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "n1 (10.0.0.1:4222)")]
    pub server: Option<String>,
    /// Why it is not connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a bus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    /// Whoever does the work is where it waits: nothing has to be carried.
    InProcess,
    /// Servers of NATS.
    Nats,
}
