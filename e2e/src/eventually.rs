//! Waits for what is bound to come.

use std::time::{Duration, Instant};

/// How long to wait; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// If it does not come; `what` says what was awaited.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// The same for what takes its time by design.
///
/// # Panics
/// If it does not come within that time; `what` says what was awaited.
pub async fn eventually_within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    look: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "this did not come: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
