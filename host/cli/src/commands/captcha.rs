//! What a host asks of those who may be bots.

use std::time::Duration;

use muster_api::captcha::CaptchaChallenge;
use muster_identity::captcha::puzzle;

use crate::failure::{Exit, Failure};

/// How long a puzzle may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shows that it is no bot who asks, as far as a command can.
///
/// # Errors
/// If it takes a browser, or the puzzle is not solved.
pub async fn solve(challenge: CaptchaChallenge) -> Result<Option<String>, Failure> {
    match challenge {
        CaptchaChallenge::Off => Ok(None),
        CaptchaChallenge::Puzzle { challenge } => {
            let solving = move || puzzle::solve(&challenge, PATIENCE);
            let solved = tokio::task::spawn_blocking(solving).await;
            let failed = |error: String| Failure::new(Exit::Failure, error);
            let proof = solved.map_err(|error| failed(error.to_string()))?;
            Ok(Some(proof.map_err(|error| failed(error.to_string()))?))
        }
        CaptchaChallenge::Siteverify { .. } => Err(Failure::new(
            Exit::Failure,
            "a service has to look at a browser there, which a command is not",
        )
        .hint("do it on the host's page, in a browser")),
    }
}
