//! Signing in: from what somebody shows to a session.

use muster_api::{
    tokens::{OAuthError, TokenReply},
    users::UserState,
};
use muster_store::{Store, UserRecord};

use super::{
    error::ControlError,
    passwords::{hash_password, verify_password},
    sessions::{Origin, Sessions, secret},
};

/// What somebody shows.
#[derive(Clone, Default)]
pub(crate) struct Attempt {
    /// Name or e-mail address.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: String,
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

impl From<muster_store::StoreError> for SignInError {
    fn from(error: muster_store::StoreError) -> Self {
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

/// Signs people in.
#[derive(Clone)]
pub(crate) struct SignIn {
    store: Store,
    sessions: Sessions,
    /// The hash of a password that nobody has, so that unknown names take as
    /// long as known ones.
    nobody: String,
}

impl SignIn {
    pub(crate) async fn new(store: Store, sessions: Sessions) -> Result<Self, ControlError> {
        Ok(Self {
            store,
            sessions,
            nobody: hash_password(&secret()).await?,
        })
    }

    /// Trades what somebody shows for a session.
    pub(crate) async fn by_password(
        &self,
        attempt: Attempt,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let user = self.local(&attempt).await?;
        match user.state {
            UserState::Active => {}
            UserState::Unverified => {
                return Err(SignInError::refused(
                    "unverified",
                    "follow the link in the mail that you were sent first",
                ));
            }
            UserState::Pending => {
                return Err(SignInError::refused(
                    "pending",
                    "an admin has to activate you first",
                ));
            }
            UserState::Suspended | UserState::Deleted => return Err(wrong()),
        }
        let sessions = self.sessions.clone();
        let reply = self.store.write_or_refuse(move |tx| {
            Box::pin(async move { sessions.begin(tx, &user, &origin).await })
        });
        Ok(reply.await?)
    }

    /// The user whose name and password these are.
    async fn local(&self, attempt: &Attempt) -> Result<UserRecord, SignInError> {
        let found = match self.store.user_by_name(&attempt.username).await? {
            Some(user) => Some(user),
            None if attempt.username.contains('@') => {
                self.store.user_by_email(&attempt.username).await?
            }
            None => None,
        };
        let hash = match &found {
            Some(user) => self.store.password_hash(user.id).await?,
            None => None,
        };
        let has_password = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let good = verify_password(attempt.password.clone(), hash).await?;
        match found {
            Some(user) if good && has_password => Ok(user),
            Some(user) => {
                let id = user.id;
                self.store
                    .write(move |tx| {
                        Box::pin(async move { tx.user_login_failed(id, muster_store::now()).await })
                    })
                    .await?;
                Err(wrong())
            }
            None => Err(wrong()),
        }
    }
}

fn wrong() -> SignInError {
    SignInError::refused("invalid_grant", "the user name or the password is wrong")
}
