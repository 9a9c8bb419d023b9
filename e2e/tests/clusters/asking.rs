//! Changes that are asked for while anything may fail, and what came of them.

use std::time::Duration;

use muster_api::problem::Problem;
use reqwest::{RequestBuilder, Response};
use tokio::time::timeout;

/// How long an answer may take: longer than a host waits for one that leads.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// How long one waits for a host that is stopped in its tracks.
pub const IN_VAIN: Duration = Duration::from_secs(1);
/// Answers that say themselves that nobody can tell.
const UNKNOWN: [&str; 3] = [
    "leader-outcome-unknown",
    "database-outcome-unknown",
    "host-outcome-unknown",
];

/// What came of a change.
pub enum Asked {
    /// It is made, and will be there for good.
    Accepted(Response),
    /// It is not made. Why.
    Refused(String),
    /// Nobody can tell.
    Unknown(String),
}

/// Asks for a change, and waits that long.
///
/// # Panics
/// If a host answers with what is no answer of the API.
pub async fn ask(request: RequestBuilder, patience: Duration) -> Asked {
    let response = match timeout(patience, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_connect() => return Asked::Refused("not there".to_owned()),
        Ok(Err(error)) => return Asked::Unknown(error.to_string()),
        Err(_) => return Asked::Unknown("no answer".to_owned()),
    };
    let status = response.status();
    if status.is_success() {
        return Asked::Accepted(response);
    }
    let text = match response.text().await {
        Ok(text) => text,
        Err(error) => return Asked::Unknown(error.to_string()),
    };
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) if UNKNOWN.contains(&problem.code.as_str()) => Asked::Unknown(problem.code),
        Ok(problem) => {
            assert!(
                problem.code != "internal",
                "what fails has a reason: {problem:#?}"
            );
            Asked::Refused(problem.code)
        }
        Err(_) => {
            assert!(status.as_u16() == 503, "{status}: {text}");
            Asked::Refused(text.trim().to_owned())
        }
    }
}
