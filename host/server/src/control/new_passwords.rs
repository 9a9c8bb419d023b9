//! New passwords: judged by the policy and hashed, wherever one is set.

use muster_api::config::passwords::PasswordPolicy;
use muster_identity::password::{AcceptError, Hasher, check};
use muster_store::Store;

use super::{config::section, error::ControlError};

/// Takes new passwords.
#[derive(Clone)]
pub(crate) struct NewPasswords {
    pub(crate) store: Store,
    pub(crate) hasher: Hasher,
}

impl NewPasswords {
    /// The hash of a new password that is good enough. `about` is what others
    /// know of its owner; a refusal names `field`.
    pub(crate) async fn accept(
        &self,
        field: &str,
        password: &str,
        about: &[&str],
    ) -> Result<String, ControlError> {
        let policy = self.policy().await?;
        let accepted = self.hasher.accept(&policy, password, about).await;
        accepted.map_err(|error| match error {
            AcceptError::Weak(weak) => ControlError::invalid(field, weak.to_string()),
            AcceptError::Hash(error) => ControlError::Internal(error.to_string()),
        })
    }

    /// The hash of a password that somebody who may do everything has chosen,
    /// whatever it is, and what is wrong with it.
    pub(crate) async fn take(
        &self,
        password: &str,
    ) -> Result<(String, Option<String>), ControlError> {
        let weak = check(&self.policy().await?, password, &[]).err();
        let hash = self.hasher.hash(password).await;
        let hash = hash.map_err(|error| ControlError::Internal(error.to_string()))?;
        Ok((hash, weak.map(|weak| weak.to_string())))
    }

    /// What a password has to be.
    pub(crate) async fn policy(&self) -> Result<PasswordPolicy, ControlError> {
        section(&self.store, "passwords").await
    }
}
