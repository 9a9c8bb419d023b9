//! Terms of use: versions that never change, and who accepted them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::id::UserId;

/// The longest text, in bytes.
pub const MAX_TEXT: usize = 512 << 10;

/// What a text is. It is kept as it was given and shown as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum TermFormat {
    /// Markdown.
    #[default]
    #[serde(rename = "text/markdown")]
    Markdown,
    /// Plain text.
    #[serde(rename = "text/plain")]
    Plain,
    /// HTML.
    #[serde(rename = "text/html")]
    Html,
}

impl TermFormat {
    /// Its media type.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown",
            Self::Plain => "text/plain",
            Self::Html => "text/html",
        }
    }
}

/// Adds a version of the terms of use, which everybody has to accept at their
/// next login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerm {
    /// What the text is.
    #[serde(default)]
    pub media_type: TermFormat,
    /// The text, at most 512 KiB.
    pub text: String,
}

/// A version of the terms of use, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TermInfo {
    /// Its number, growing from 1. The newest one counts.
    pub version: u64,
    /// What the text is.
    pub media_type: TermFormat,
    /// How many bytes the text has.
    pub size: u64,
    /// The SHA-256 of the text, in hexadecimal.
    pub digest: String,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A version of the terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// What is known of it.
    #[serde(flatten)]
    pub info: TermInfo,
    /// The text as it was given. Whoever shows it shows it as text: nothing in
    /// it is to be run.
    pub text: String,
}

/// Somebody's acceptance of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acceptance {
    /// Which version.
    pub version: u64,
    /// Who.
    pub user: UserId,
    /// What they were called then.
    pub name: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub accepted_at: OffsetDateTime,
}

/// Which acceptances a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AcceptanceQuery {
    /// Only those of this version.
    pub version: Option<u64>,
}
