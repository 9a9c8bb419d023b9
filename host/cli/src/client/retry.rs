//! Calls that may be made again.

use std::time::Duration;

use super::ClientError;

/// How often a call is made again, and after which pauses.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many times at most, the first included.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
}

/// Makes a call again as long as it fails for a reason that may go away.
///
/// # Errors
/// What the last attempt failed with.
pub async fn patiently<T>(
    patience: Patience,
    call: impl AsyncFn() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut pause = patience.pause;
    for _ in 1..patience.attempts {
        match call().await {
            Err(error) if error.is_transient() => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
    call().await
}
