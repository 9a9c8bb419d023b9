//! Passwords: which are taken, and whether one is right.

use muster_identity::password::{AcceptError, HashError, Hasher};
use muster_store::UserRecord;

use super::{config::Config, error::ControlError};

/// Hashes and compares passwords under the configured policy. Clones share
/// how many are computed at once.
#[derive(Clone)]
pub(crate) struct Passwords {
    hasher: Hasher,
    config: Config,
}

impl Passwords {
    pub(crate) fn new(config: Config) -> Result<Self, ControlError> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            hasher: Hasher::new(at_once).map_err(failed)?,
            config,
        })
    }

    /// The hash of a new password, if it is good enough for that user. `field`
    /// is what the request calls it.
    pub(crate) async fn accept(
        &self,
        field: &str,
        password: &str,
        user: &UserRecord,
    ) -> Result<String, ControlError> {
        let about: Vec<&str> = [
            Some(user.name.as_str()),
            user.email.as_deref(),
            Some(user.display_name.as_str()),
        ]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
        let policy = self.config.get();
        let hash = self.hasher.accept(&policy, password, &about).await;
        hash.map_err(|error| match error {
            AcceptError::Weak(weak) => ControlError::invalid(field, weak.to_string()),
            AcceptError::Hash(error) => failed(error),
        })
    }

    /// The hash of a password that nobody judges: one that was made up, or that
    /// the operator gave the host at its first start.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, ControlError> {
        self.hasher.hash(password).await.map_err(failed)
    }

    /// Whether a password is that of the hash. Takes as long without one.
    pub(crate) async fn verify(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, ControlError> {
        let verdict = self.hasher.verify(password, hash).await.map_err(failed)?;
        Ok(verdict.good)
    }
}

fn failed(error: HashError) -> ControlError {
    ControlError::Internal(error.to_string())
}
