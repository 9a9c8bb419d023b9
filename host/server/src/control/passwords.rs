//! Passwords: how they are hashed and compared.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::error::ControlError;

pub(crate) async fn hash_password(password: &str) -> Result<String, ControlError> {
    let password = password.to_owned();
    off_thread(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| {
            ControlError::Internal(format!("a password cannot be hashed: {error}"))
        })
    })
    .await
}

pub(crate) async fn verify_password(password: String, hash: String) -> Result<bool, ControlError> {
    off_thread(move || {
        let hash = PasswordHash::new(&hash).map_err(|error| {
            ControlError::Internal(format!("a password hash cannot be read: {error}"))
        })?;
        Ok(Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok())
    })
    .await
}

/// Hashing takes tens of milliseconds of computing by design.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ControlError::Internal(format!("hashing failed: {error}")))?
}
