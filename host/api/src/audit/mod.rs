//! The audit log: who changed what or was refused to, by which credential, from
//! where, before and after. Each entry holds the hash of the one before it, so
//! that no entry can be changed, taken out or put in between without a trace.

mod chain;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

pub use self::chain::{Break, Chain, entry_hash, genesis, without_fractions};
use crate::blocks::Digest;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutcome {
    /// It was done.
    #[default]
    Done,
    /// It was refused, and changed nothing.
    Refused,
}

impl AuditOutcome {
    /// The word by which it stands in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// What is remembered of a change, or of an attempt that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When, to the millisecond.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who: a user's name, a part of the host in brackets such as `(host)`, or
    /// `(unknown)`.
    #[schema(example = "ada")]
    pub actor: String,
    /// By which credential, such as `session 0192…` or `key K7…`; never a
    /// secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// What was done, such as `app.delete`; of a refused attempt, method and
    /// route such as `DELETE /api/v1/apps/{app}`.
    #[schema(example = "app.delete")]
    pub action: String,
    /// To what: its name, or the path that was asked for.
    #[schema(example = "shop")]
    pub subject: String,
    /// What became of it.
    #[serde(default)]
    pub outcome: AuditOutcome,
    /// Why it was refused: the problem's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often, if several attempts of one kind were folded into this entry.
    #[serde(default = "once")]
    pub times: u64,
    /// What it was like before. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it was like afterwards. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// From where: an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "192.0.2.7")]
    pub origin: Option<String>,
    /// The request's id, to find it in the host's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

fn once() -> u64 {
    1
}

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Its number, one more than that of the entry before it.
    pub number: u64,
    /// What it remembers.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The hash of the entry before it; zeros for the first one.
    pub previous: Digest,
    /// The SHA-256 over all of the above.
    pub hash: Digest,
}

/// A place in the chain: written `NUMBER:HASH`. Kept outside of the host, it
/// shows later that everything up to there is still what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The entry's number; 0 before the first one.
    pub number: u64,
    /// The entry's hash.
    pub hash: Digest,
}

/// A text that is no place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not NUMBER:HASH, as `muster audit verify` prints it")]
pub struct AuditHeadError(String);

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = AuditHeadError;

    fn from_str(text: &str) -> Result<Self, AuditHeadError> {
        let wrong = || AuditHeadError(text.to_owned());
        let (number, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        Ok(Self {
            number: number.parse().map_err(|_| wrong())?,
            hash: Digest::parse(hash).map_err(|_| wrong())?,
        })
    }
}

/// Which entries are asked for. Whatever is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Who, in full.
    pub actor: Option<String>,
    /// What was done, or how that begins: `app.` finds all changes of apps.
    pub action: Option<String>,
    /// To what, in full.
    pub subject: Option<String>,
    /// What became of it.
    #[param(inline)]
    pub outcome: Option<AuditOutcome>,
    /// From which address.
    pub origin: Option<String>,
    /// From this moment on.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub since: Option<OffsetDateTime>,
    /// Before this moment.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
}

/// What came of checking the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether every entry is what was written, and none is missing.
    pub whole: bool,
    /// The first place where something is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<AuditBreak>,
    /// The newest entry. Note it elsewhere, and give it as `head` next time.
    pub head: AuditHead,
    /// How many entries were checked.
    pub entries: u64,
    /// Up to which number entries were removed because of their age; 0 if none
    /// were.
    pub pruned: u64,
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBreak {
    /// The number of the entry.
    pub number: u64,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = AuditHead {
            number: 17,
            hash: genesis(),
        };
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in ["", "17", "17:", "17:00", ":00", "x:00"] {
            assert!(bad.parse::<AuditHead>().is_err(), "{bad}");
        }
    }
}
