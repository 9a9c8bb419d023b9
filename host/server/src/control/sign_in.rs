//! Signing in: from what somebody shows to a session.

mod accounts;
mod guesses;
mod methods;

use muster_api::{
    config::sign_in::LOCAL,
    tokens::{OAuthError, TokenReply},
    users::UserState,
};
use muster_identity::sign_in::SignInError as MethodError;
use muster_store::{Store, StoreError, UserRecord};

pub(crate) use self::methods::Methods;
use super::{
    config::Config,
    error::ControlError,
    factors::{Factors, Shown},
    failures::Strangers,
    passwords::Passwords,
    sessions::{Origin, Sessions},
    terms_of_use,
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
    /// The second factor.
    pub(crate) factor: Shown,
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

impl From<OAuthError> for SignInError {
    fn from(error: OAuthError) -> Self {
        Self::Refused(Box::new(error))
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
    pub(crate) factors: Factors,
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
        self.admit(&user, &attempt, &origin).await?;
        self.begin(user, origin).await
    }

    /// The user whose name and password these are. Each step takes the same
    /// course whether or not there is such a user.
    pub(crate) async fn check_password(
        &self,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<UserRecord, SignInError> {
        let known = self.known(&attempt.username).await?;
        let failed = self.failures(known.as_ref(), &attempt.username);
        if let Some(barrier) = self.barrier(&[failed], attempt, origin).await? {
            return Err(barrier.into());
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

    /// Checks whether anything stands in the way of somebody who has shown who
    /// they are, and uses up the second factor that they show.
    async fn admit(
        &self,
        user: &UserRecord,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        Self::check_state(user)?;
        let accepted = self.check_terms(user, attempt.accept_terms).await?;
        self.check_factor(user, &attempt.factor, origin).await?;
        self.accept_terms(user, accepted, origin).await
    }

    /// Checks that somebody accepts the terms of use that they are asked to
    /// accept; says which version that is.
    pub(crate) async fn check_terms(
        &self,
        user: &UserRecord,
        accepted: Option<u64>,
    ) -> Result<Option<u64>, SignInError> {
        let required = terms_of_use::required(&self.store, user).await?;
        match required.filter(|version| accepted != Some(*version)) {
            Some(version) => Err(terms_required(version)),
            None => Ok(required),
        }
    }

    /// Keeps that somebody has accepted a version of the terms.
    pub(crate) async fn accept_terms(
        &self,
        user: &UserRecord,
        version: Option<u64>,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let Some(version) = version else {
            return Ok(());
        };
        let (user, address) = (user.clone(), origin.address.clone());
        let kept = self.store.write_or_refuse(move |tx| {
            Box::pin(
                async move { terms_of_use::accept(tx, &user, version, address.as_deref()).await },
            )
        });
        Ok(kept.await?)
    }

    /// Checks whether somebody may sign in at all, by where they stand.
    pub(crate) fn check_state(user: &UserRecord) -> Result<(), SignInError> {
        let (error, why) = match user.state {
            UserState::Active => return Ok(()),
            UserState::Unverified => (
                "unverified",
                "follow the link that you were sent first; if there was no mail, ask an admin for it",
            ),
            UserState::Pending => ("pending", "an admin has to activate you first"),
            UserState::Suspended => ("suspended", "an admin has suspended you"),
            UserState::Deleted => return Err(wrong()),
        };
        Err(SignInError::refused(error, why))
    }

    /// Checks the second factor and uses it up.
    pub(crate) async fn check_factor(
        &self,
        user: &UserRecord,
        shown: &Shown,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let factors = self.factors.clone();
        let (user, shown, origin) = (user.clone(), shown.clone(), origin.clone());
        // A refusal is kept: a wrong code counts.
        let checked = self.store.write_or_refuse(move |tx| {
            Box::pin(async move { factors.check(tx, &user, &shown, &origin).await })
        });
        Ok(checked.await??)
    }

    /// Begins a session for somebody who was admitted.
    async fn begin(&self, user: UserRecord, origin: Origin) -> Result<TokenReply, SignInError> {
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

/// Says that a version of the terms of use has to be accepted first.
pub(crate) fn terms_required(version: u64) -> SignInError {
    SignInError::Refused(Box::new(OAuthError {
        error: "terms_required".to_owned(),
        error_description: format!("accept version {version} of the terms of use first"),
        terms: Some(version),
        ..OAuthError::default()
    }))
}

/// Says how many seconds there are to wait.
pub(crate) fn locked(wait: u64) -> OAuthError {
    OAuthError {
        error: "locked".to_owned(),
        error_description: format!("too many failed sign-ins; try again in {wait} s"),
        retry_after: Some(wait),
        ..OAuthError::default()
    }
}
