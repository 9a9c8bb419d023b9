//! What an operator settles while Muster runs: named sections, each a struct
//! with defaults, kept in the database and served at `/api/v1/config/{section}`.
//! A section that was never set is its defaults.

pub mod audit;
pub mod backup;
pub mod captcha;
pub mod jobs;
pub mod load_balancer;
pub mod mail;
pub mod management;
pub mod passwords;
pub mod rate_limits;
pub mod secret;
pub mod section;
pub mod sign_in;
pub mod sign_up;
pub mod tokens;

pub use secret::Secret;
pub use section::{Section, SectionSummary, SectionView};

/// A section whose values do not go together, though each is well formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidSection {
    /// The field as a path within the section: `lockout.first_pause`.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl InvalidSection {
    /// Says what is wrong with a field.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}
