//! Section `tokens`: how access tokens are signed, and how long tokens and
//! sessions last.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;
use crate::units::Millis;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// How tokens are signed and how long they last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Who tokens say they are from (`iss`), which is what the server's metadata
    /// has as `issuer`; unless told, the address under which people reach the
    /// API. Tokens that say otherwise are refused: changing it ends every access
    /// token, and clients get others with their refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The algorithms that are accepted. New keys are of the first. To change
    /// it without logging anybody out, put the new one first and take the old
    /// one away a week later.
    pub algorithms: Vec<Algorithm>,
    /// How long an access token is good: at most a day, since it cannot be
    /// called back everywhere.
    pub access_life: Millis,
    /// How long a refresh token is good that is not used.
    pub refresh_life: Millis,
    /// How long a session lasts at most, however often it is refreshed.
    pub session_life: Millis,
    /// How often there is a new signing key.
    pub rotate_every: Millis,
}

/// An algorithm of signatures.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Algorithm {
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256, for verifiers that do not know Ed25519.
    #[serde(rename = "ES256")]
    Es256,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        })
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            issuer: None,
            algorithms: vec![Algorithm::EdDsa],
            access_life: Millis(600_000),
            refresh_life: Millis(30 * DAY),
            session_life: Millis(90 * DAY),
            rotate_every: Millis(30 * DAY),
        }
    }
}

impl Tokens {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem: &str| Err(InvalidSection::new(field, problem));
        if self.issuer.as_ref().is_some_and(String::is_empty) {
            return wrong("issuer", "must not be empty");
        }
        if self.algorithms.is_empty() {
            return wrong("algorithms", "at least one is needed: EdDSA or ES256");
        }
        if !(10_000..=DAY).contains(&self.access_life.0) {
            return wrong("access_life", "must be from 10s to 24h");
        }
        if self.refresh_life < self.access_life {
            return wrong("refresh_life", "must not be shorter than access_life");
        }
        if self.session_life < self.access_life {
            return wrong("session_life", "must not be shorter than access_life");
        }
        if self.session_life.0 > 3_650 * DAY || self.refresh_life.0 > 3_650 * DAY {
            return wrong("session_life", "must not be longer than ten years");
        }
        if !(HOUR..=3_650 * DAY).contains(&self.rotate_every.0) {
            return wrong("rotate_every", "must be from 1h to ten years");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Tokens::default().check(), Ok(()));
        let read: Tokens = serde_json::from_str("{}").unwrap();
        assert_eq!(read, Tokens::default());
    }

    #[test]
    fn algorithms_that_sign_nothing_or_share_a_secret_are_not_words_here() {
        for name in ["none", "None", "HS256", "RS256", "eddsa", ""] {
            let section = format!(r#"{{"algorithms": ["{name}"]}}"#);
            assert!(serde_json::from_str::<Tokens>(&section).is_err(), "{name}");
        }
    }

    #[test]
    fn algorithms_are_written_as_in_tokens() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let written = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(written, format!("\"{algorithm}\""));
        }
    }

    #[test]
    fn lives_that_make_no_sense_are_refused() {
        let section = |change: fn(&mut Tokens)| {
            let mut section = Tokens::default();
            change(&mut section);
            section.check().unwrap_err().field
        };
        assert_eq!(section(|s| s.algorithms.clear()), "algorithms");
        assert_eq!(section(|s| s.access_life = Millis(0)), "access_life");
        assert_eq!(section(|s| s.access_life = Millis(8 * DAY)), "access_life");
        assert_eq!(section(|s| s.refresh_life = Millis(1)), "refresh_life");
        assert_eq!(section(|s| s.session_life = Millis(1)), "session_life");
        assert_eq!(section(|s| s.rotate_every = Millis(1)), "rotate_every");
    }
}
