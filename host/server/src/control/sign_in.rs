//! Signing in: from what somebody shows to a session.

mod accounts;
mod methods;

use std::net::IpAddr;

use muster_api::{
    config::{captcha::Captcha as CaptchaSettings, passwords::PasswordPolicy, sign_in::LOCAL},
    tokens::{OAuthError, TokenReply},
    users::UserState,
};
use muster_identity::{
    captcha::CaptchaError,
    lockout,
    sign_in::{Profile, SignInError as MethodError},
};
use muster_store::{Store, StoreError, UserRecord};

pub(crate) use self::methods::Methods;
use super::{
    config::Config,
    error::ControlError,
    failures::{self, Strangers},
    passwords::Passwords,
    sessions::{Origin, Sessions},
};

/// What somebody shows.
#[derive(Clone, Default)]
pub(crate) struct Attempt {
    /// Name or e-mail address.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: String,
    /// The proof that this is no bot.
    pub(crate) captcha: Option<String>,
    /// A code of the second factor, or a recovery code.
    pub(crate) otp: Option<String>,
    /// The version of the terms that is accepted.
    pub(crate) accept_terms: Option<u64>,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// What they show is wrong, or not yet enough.
    #[error("{}", .0.error_description)]
    Refused(Box<OAuthError>),
    /// The host failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Control(error.into())
    }
}

impl SignInError {
    pub(crate) fn refused(error: &str, description: &str) -> Self {
        Self::Refused(Box::new(OAuthError {
            error: error.to_owned(),
            error_description: description.to_owned(),
            ..OAuthError::default()
        }))
    }
}

impl From<MethodError> for SignInError {
    fn from(error: MethodError) -> Self {
        tracing::info!(detail = error.detail(), "a sign-in failed: {error}");
        let word = match error {
            MethodError::WrongCredentials { .. } => return wrong(),
            MethodError::Unavailable { .. } => "temporarily_unavailable",
            MethodError::Misconfigured { .. } => "server_error",
            MethodError::Refused { .. } => "access_denied",
        };
        Self::refused(word, &error.to_string())
    }
}

/// Signs people in.
#[derive(Clone)]
pub(crate) struct SignIn {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) methods: Methods,
    pub(crate) strangers: Strangers,
}

impl SignIn {
    /// Trades name and password for a session, by the method that `origin`
    /// names.
    pub(crate) async fn by_password(
        &self,
        attempt: Attempt,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let user = self.check_password(&attempt, &origin).await?;
        self.admit(user, &attempt, origin).await
    }

    /// Trades the word of a method for a session.
    pub(crate) async fn by_profile(
        &self,
        profile: Profile,
        attempt: Attempt,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let user = self.account_of(profile, &origin).await?;
        self.admit(user, &attempt, origin).await
    }

    /// The user whose name and password these are. Each step takes the same
    /// course whether or not there is such a user.
    async fn check_password(
        &self,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<UserRecord, SignInError> {
        let known = self.known(&attempt.username).await?;
        let failed = match &known {
            Some(user) => failures::of_user(user),
            None => self.strangers.of(&attempt.username),
        };
        let policy = self.config.get::<PasswordPolicy>().lockout;
        if let lockout::Attempt::WaitUntil(until) = failed.attempt(&policy, muster_store::now()) {
            let wait = (until - muster_store::now()).whole_seconds().max(0);
            return Err(locked(u64::try_from(wait).unwrap_or(0) + 1));
        }
        if failed.count >= self.config.get::<CaptchaSettings>().after_failures {
            self.check_captcha(attempt, origin).await?;
        }
        let found = if origin.method == LOCAL {
            self.local(known.as_ref(), attempt).await
        } else {
            self.elsewhere(attempt, origin).await
        };
        if matches!(&found, Err(SignInError::Refused(error)) if error.error == WRONG) {
            self.count_failure(known.as_ref(), &attempt.username)
                .await?;
        }
        found
    }

    /// Who goes by that name or address, if it looks like one.
    async fn known(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        match self.store.user_by_name(name).await? {
            None if name.contains('@') => self.store.user_by_email(name).await,
            found => Ok(found),
        }
    }

    async fn local(
        &self,
        known: Option<&UserRecord>,
        attempt: &Attempt,
    ) -> Result<UserRecord, SignInError> {
        if !self.methods.has_local() {
            return Err(SignInError::refused(
                "access_denied",
                "passwords of this Muster are not accepted; choose another method",
            ));
        }
        let hash = match known {
            Some(user) => self.store.password_hash(user.id).await?,
            None => None,
        };
        let good = self.passwords.verify(&attempt.password, hash.as_deref());
        let good = good.await?;
        known.filter(|_| good).cloned().ok_or_else(wrong)
    }

    async fn elsewhere(
        &self,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<UserRecord, SignInError> {
        let method = self.methods.get(&origin.method)?;
        let shown = muster_identity::sign_in::Attempt::Password {
            username: &attempt.username,
            password: &attempt.password,
        };
        let profile = method.sign_in(shown).await?;
        self.account_of(profile, origin).await
    }

    async fn count_failure(
        &self,
        known: Option<&UserRecord>,
        name: &str,
    ) -> Result<(), SignInError> {
        let Some(user) = known else {
            let policy = self.config.get::<PasswordPolicy>().lockout;
            self.strangers.add(name, &policy);
            return Ok(());
        };
        let id = user.id;
        self.store
            .write(move |tx| {
                Box::pin(async move { tx.user_login_failed(id, muster_store::now()).await })
            })
            .await?;
        Ok(())
    }

    async fn check_captcha(&self, attempt: &Attempt, origin: &Origin) -> Result<(), SignInError> {
        let captcha = self.methods.captcha();
        let now = muster_store::now();
        let from = origin
            .address
            .as_deref()
            .and_then(|address| address.parse::<IpAddr>().ok());
        let checked = captcha.verify(attempt.captcha.as_deref(), from, now).await;
        let error = match checked {
            Ok(()) => return Ok(()),
            Err(error @ (CaptchaError::Configuration(_) | CaptchaError::Unreachable(_))) => {
                tracing::error!(%error, "nobody can show that they are no bot");
                return Err(SignInError::refused(
                    "temporarily_unavailable",
                    &error.to_string(),
                ));
            }
            Err(error) => error,
        };
        let challenge = captcha.challenge(now);
        let challenge = challenge.map_err(|error| ControlError::Internal(error.to_string()))?;
        Err(SignInError::Refused(Box::new(OAuthError {
            error: "captcha_required".to_owned(),
            error_description: error.to_string(),
            captcha: serde_json::to_value(challenge).ok(),
            ..OAuthError::default()
        })))
    }

    /// Lets somebody in who has shown who they are, if nothing stands in the
    /// way.
    async fn admit(
        &self,
        user: UserRecord,
        _attempt: &Attempt,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let why_not = match user.state {
            UserState::Active => None,
            UserState::Unverified => Some((
                "unverified",
                "follow the link in the mail that you were sent first",
            )),
            UserState::Pending => Some(("pending", "an admin has to activate you first")),
            UserState::Suspended => Some(("suspended", "an admin has suspended you")),
            UserState::Deleted => return Err(wrong()),
        };
        if let Some((error, why)) = why_not {
            return Err(SignInError::refused(error, why));
        }
        let sessions = self.sessions.clone();
        let reply = self.store.write_or_refuse(move |tx| {
            Box::pin(async move { sessions.begin(tx, &user, &origin).await })
        });
        Ok(reply.await?)
    }
}

const WRONG: &str = "invalid_grant";

fn wrong() -> SignInError {
    SignInError::refused(WRONG, "the user name or the password is wrong")
}

fn locked(wait: u64) -> SignInError {
    SignInError::Refused(Box::new(OAuthError {
        error: "locked".to_owned(),
        error_description: format!("too many failed sign-ins; try again in {wait} s"),
        retry_after: Some(wait),
        ..OAuthError::default()
    }))
}
