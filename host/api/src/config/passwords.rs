//! Section `passwords`: which passwords are good enough, and what wrong ones
//! cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;
use crate::units::Millis;

/// Which passwords are accepted when one is set. Passwords that were set under
/// an earlier policy stay good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// How hard a password must be to guess, from 0 (anything goes) to 4, by
    /// the zxcvbn estimate. 3 withstands about 10^8 guesses.
    #[schema(minimum = 0, maximum = 4)]
    pub min_score: u8,
    /// How long a password must be, in characters.
    #[schema(minimum = 1, maximum = 128)]
    pub min_length: u32,
    /// What wrong passwords cost.
    pub lockout: LockoutPolicy,
}

/// How long a user must wait after wrong passwords or wrong second factors.
/// The pause begins with the failure that reaches `failures` and doubles with
/// each further one. By the defaults somebody who guesses gets fifteen tries
/// in the first half hour and four per hour from then on, while the owner of
/// the account who mistypes waits for a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutPolicy {
    /// After how many failures in a row the first pause begins. 0 never
    /// pauses.
    pub failures: u32,
    /// The first pause.
    pub first_pause: Millis,
    /// No pause is longer.
    pub longest_pause: Millis,
    /// Failures are forgotten when there was none for so long.
    pub forget_after: Millis,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_score: 3,
            min_length: 10,
            lockout: LockoutPolicy::default(),
        }
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            first_pause: Millis(1_000),
            longest_pause: Millis(15 * 60_000),
            forget_after: Millis(24 * 3_600_000),
        }
    }
}

impl PasswordPolicy {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        if self.min_score > 4 {
            return Err(InvalidSection::new("min_score", "scores go from 0 to 4"));
        }
        if !(1..=128).contains(&self.min_length) {
            return Err(InvalidSection::new(
                "min_length",
                "must be from 1 to 128 characters",
            ));
        }
        let lockout = &self.lockout;
        if lockout.first_pause > lockout.longest_pause {
            return Err(InvalidSection::new(
                "lockout.first_pause",
                "must not be longer than lockout.longest_pause",
            ));
        }
        if lockout.longest_pause > lockout.forget_after {
            return Err(InvalidSection::new(
                "lockout.forget_after",
                "must not be shorter than lockout.longest_pause, or waiting would earn new tries",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(PasswordPolicy::default().check(), Ok(()));
    }

    #[test]
    fn an_empty_section_is_the_defaults() {
        let read: PasswordPolicy = serde_json::from_str("{}").unwrap();
        assert_eq!(read, PasswordPolicy::default());
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<PasswordPolicy>(r#"{"min_scor": 0}"#).is_err());
    }

    #[test]
    fn values_that_do_not_go_together_are_refused() {
        let with = |lockout| PasswordPolicy {
            lockout,
            ..PasswordPolicy::default()
        };
        let pauses = with(LockoutPolicy {
            first_pause: Millis(2_000_000),
            ..LockoutPolicy::default()
        });
        assert_eq!(pauses.check().unwrap_err().field, "lockout.first_pause");
        let forgetful = with(LockoutPolicy {
            forget_after: Millis(1),
            ..LockoutPolicy::default()
        });
        assert_eq!(forgetful.check().unwrap_err().field, "lockout.forget_after");
        let score = PasswordPolicy {
            min_score: 5,
            ..PasswordPolicy::default()
        };
        assert_eq!(score.check().unwrap_err().field, "min_score");
    }
}
