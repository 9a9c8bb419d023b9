//! What guessing passwords costs: pauses, and puzzles.

use std::net::IpAddr;

use muster_api::{
    captcha::CaptchaChallenge,
    config::{captcha::Captcha as CaptchaSettings, passwords::PasswordPolicy},
    tokens::OAuthError,
};
use muster_identity::{
    captcha::CaptchaError,
    lockout::Failures,
    sign_in::{Attempt as Shown, Profile, SignInError as MethodError, Style},
};
use muster_store::UserRecord;

use super::{Attempt, SignIn, SignInError, locked};
use crate::control::{error::ControlError, failures, sessions::Origin};

/// What stands in the way of another try.
pub(crate) enum Barrier {
    /// Seconds to wait.
    Pause(u64),
    /// To show that one is no bot: why what was shown does not do, and how.
    Captcha(String, CaptchaChallenge),
    /// That nobody can show this now.
    NoCaptcha(String),
}

impl From<Barrier> for SignInError {
    fn from(barrier: Barrier) -> Self {
        match barrier {
            Barrier::Pause(wait) => locked(wait).into(),
            Barrier::Captcha(why, challenge) => OAuthError {
                error: "captcha_required".to_owned(),
                error_description: why,
                captcha: serde_json::to_value(challenge).ok(),
                ..OAuthError::default()
            }
            .into(),
            Barrier::NoCaptcha(why) => Self::refused("temporarily_unavailable", &why),
        }
    }
}

impl From<Barrier> for ControlError {
    fn from(barrier: Barrier) -> Self {
        match barrier {
            Barrier::Pause(wait) => Self::Locked { wait },
            Barrier::Captcha(why, challenge) => Self::Captcha {
                why,
                challenge: Box::new(challenge),
            },
            Barrier::NoCaptcha(why) => Self::Unavailable {
                code: "captcha-unavailable",
                message: why,
                remedy: "try again in a few minutes".to_owned(),
            },
        }
    }
}

impl SignIn {
    /// Whom a method with passwords knows by what `owner` shows, who wants it
    /// tied to their account. Wrong passwords count as at sign-in, for the name
    /// that is tried and for the owner: this is no way to guess more.
    pub(crate) async fn profile_for(
        &self,
        owner: &UserRecord,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<Profile, ControlError> {
        let known = self.known(&attempt.username).await?;
        let failed = [
            failures::of_user(owner),
            self.failures(known.as_ref(), &attempt.username),
        ];
        if let Some(barrier) = self.barrier(&failed, attempt, origin).await? {
            return Err(barrier.into());
        }
        let method = self.methods.get(&origin.method);
        let method = method.map_err(|error| ControlError::invalid("method", error.to_string()))?;
        let shown = Shown::Password {
            username: &attempt.username,
            password: &attempt.password,
        };
        match method.sign_in(shown).await {
            Err(MethodError::WrongCredentials { .. }) => {
                self.count_failure(Some(owner), &owner.name).await?;
                if known.as_ref().is_none_or(|known| known.id != owner.id) {
                    self.count_failure(known.as_ref(), &attempt.username)
                        .await?;
                }
                let why = "the name or the password is wrong there";
                Err(ControlError::invalid("password", why))
            }
            found => found.map_err(|error| ControlError::invalid("method", error.to_string())),
        }
    }

    /// Whether a method takes names and passwords.
    pub(crate) fn takes_passwords(&self, method: &str) -> Result<bool, ControlError> {
        let found = self.methods.get(method);
        let found = found.map_err(|error| ControlError::invalid("method", error.to_string()))?;
        Ok(found.style() == Style::Password)
    }

    /// How often somebody of this name has failed, who is `known` if there is
    /// such a user.
    pub(super) fn failures(&self, known: Option<&UserRecord>, name: &str) -> Failures {
        match known {
            Some(user) => failures::of_user(user),
            None => self.strangers.of(name),
        }
    }

    /// What stands in the way of another try after these failures.
    pub(super) async fn barrier(
        &self,
        failed: &[Failures],
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<Option<Barrier>, ControlError> {
        let policy = self.config.get::<PasswordPolicy>().lockout;
        let pauses = failed
            .iter()
            .filter_map(|failed| failures::pause(*failed, &policy));
        if let Some(wait) = pauses.max() {
            return Ok(Some(Barrier::Pause(wait)));
        }
        let asks_after = self.config.get::<CaptchaSettings>().after_failures;
        if asks_after > 0 && failed.iter().any(|failed| failed.count >= asks_after) {
            return self.check_captcha(attempt, origin).await;
        }
        Ok(None)
    }

    /// Counts a wrong password.
    pub(super) async fn count_failure(
        &self,
        known: Option<&UserRecord>,
        name: &str,
    ) -> Result<(), ControlError> {
        let policy = self.config.get::<PasswordPolicy>().lockout;
        let Some(user) = known else {
            self.strangers.add(name, &policy);
            return Ok(());
        };
        let id = user.id;
        self.store
            .write(move |tx| Box::pin(async move { failures::add(tx, id, &policy).await }))
            .await?;
        Ok(())
    }

    async fn check_captcha(
        &self,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<Option<Barrier>, ControlError> {
        let captcha = self.methods.captcha();
        let now = muster_store::now();
        let from = origin
            .address
            .as_deref()
            .and_then(|address| address.parse::<IpAddr>().ok());
        let checked = captcha.verify(attempt.captcha.as_deref(), from, now).await;
        let error = match checked {
            Ok(()) => return Ok(None),
            Err(error @ (CaptchaError::Configuration(_) | CaptchaError::Unreachable(_))) => {
                tracing::error!(%error, "nobody can show that they are no bot");
                return Ok(Some(Barrier::NoCaptcha(error.to_string())));
            }
            Err(error) => error,
        };
        let challenge = captcha.challenge(now);
        let challenge = challenge.map_err(|error| ControlError::Internal(error.to_string()))?;
        Ok(Some(Barrier::Captcha(error.to_string(), challenge)))
    }
}
