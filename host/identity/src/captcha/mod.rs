//! What tells people from bots: nothing, a built-in puzzle, or a service.

pub mod puzzle;
pub mod siteverify;

use std::net::IpAddr;

use muster_api::{
    captcha::CaptchaChallenge,
    config::captcha::{Captcha as Settings, Provider},
};
use time::OffsetDateTime;

use puzzle::Puzzles;
use siteverify::Siteverify;

/// Why a proof was not accepted. Nothing is let through on an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptchaError {
    /// There is none.
    #[error("show first that you are no bot")]
    Missing,
    /// It is wrong. The reason is for logs.
    #[error("the proof that this is no bot is wrong; get another challenge")]
    Wrong(String),
    /// It is late.
    #[error("the proof that this is no bot comes too late; get another challenge")]
    Expired,
    /// It was used before.
    #[error("the proof that this is no bot was used before; get another challenge")]
    Used,
    /// So many were solved of late that no more can be remembered.
    #[error("too many sign-ups and sign-ins at once; try again in a few minutes")]
    Busy,
    /// The service that checks proofs gives no answer.
    #[error("the service that checks for bots cannot be reached: {0}; try again later")]
    Unreachable(String),
    /// The service does not accept how Muster is configured.
    #[error("the check for bots is configured wrongly: {0}")]
    Configuration(String),
}

/// What asks for proofs, as configured. One lasts until the configuration
/// changes; puzzles given out before a change are void after it.
#[derive(Debug)]
pub enum Captcha {
    /// Nothing is asked.
    Off,
    /// The built-in puzzle.
    Puzzle(Puzzles),
    /// A service.
    Siteverify(Siteverify),
}

impl Captcha {
    /// Sets up what is configured.
    ///
    /// # Errors
    ///
    /// [`CaptchaError::Configuration`].
    pub fn new(settings: &Settings) -> Result<Self, CaptchaError> {
        Ok(match settings.provider {
            Provider::Off => Self::Off,
            Provider::Puzzle => Self::Puzzle(Puzzles::new(&settings.puzzle)),
            Provider::Siteverify => Self::Siteverify(Siteverify::new(&settings.siteverify)?),
        })
    }

    /// What a client is to do.
    ///
    /// # Errors
    ///
    /// If no puzzle can be made.
    pub fn challenge(&self, now: OffsetDateTime) -> Result<CaptchaChallenge, CaptchaError> {
        match self {
            Self::Off => Ok(CaptchaChallenge::Off),
            Self::Puzzle(puzzles) => puzzles.challenge(now),
            Self::Siteverify(service) => Ok(service.challenge()),
        }
    }

    /// Checks a proof. `from` is the address of the client, if it is known for
    /// certain.
    ///
    /// # Errors
    ///
    /// Unless it is good.
    pub async fn verify(
        &self,
        proof: Option<&str>,
        from: Option<IpAddr>,
        now: OffsetDateTime,
    ) -> Result<(), CaptchaError> {
        let given = || {
            proof
                .filter(|proof| !proof.is_empty())
                .ok_or(CaptchaError::Missing)
        };
        match self {
            Self::Off => Ok(()),
            Self::Puzzle(puzzles) => puzzles.verify(given()?, now),
            Self::Siteverify(service) => service.verify(given()?, from).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn off_asks_for_nothing_and_the_others_for_something() {
        let now = OffsetDateTime::now_utc();
        let mut settings = Settings {
            provider: Provider::Off,
            ..Settings::default()
        };
        let off = Captcha::new(&settings).unwrap();
        assert_eq!(off.challenge(now), Ok(CaptchaChallenge::Off));
        assert_eq!(off.verify(None, None, now).await, Ok(()));
        for provider in [Provider::Puzzle, Provider::Siteverify] {
            settings.provider = provider;
            let captcha = Captcha::new(&settings).unwrap();
            for nothing in [None, Some("")] {
                let result = captcha.verify(nothing, None, now).await;
                assert_eq!(result, Err(CaptchaError::Missing));
            }
        }
    }
}
