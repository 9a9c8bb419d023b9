//! What can go wrong between this command and a host.

use std::{error::Error, io, path::PathBuf};

use muster_api::{problem::Problem, tokens::OAuthError};

use crate::contexts::ContextError;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The host said no, and why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Signing in takes something else, or something more.
    #[error("{}", .0.error_description)]
    SignIn(Box<OAuthError>),
    /// No answer came.
    #[error("{url} cannot be reached: {}", root_cause(source))]
    Unreachable {
        /// The host's address.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer is a failure, but no problem document.
    #[error("{url} answered with status {status} and no explanation")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is not what the API says.
    #[error("the answer of {url} makes no sense: {reason}")]
    Malformed {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// A text that is not a host's address.
    #[error("'{url}' is not the address of a host: {reason}")]
    Address {
        /// The text.
        url: String,
        /// Why.
        reason: String,
    },
    /// The refresh token is used up, expired or withdrawn.
    #[error("your login has ended")]
    LoginExpired {
        /// The command that logs in again.
        login: String,
    },
    /// There are no tokens for this host.
    #[error("you are not logged in to {url}")]
    NotLoggedIn {
        /// The host's address.
        url: String,
        /// The command that logs in.
        login: String,
    },
    /// The token of the environment is not accepted.
    #[error(
        "{url} does not accept the token in MUSTER_TOKEN: it has expired, or is for another host"
    )]
    TokenRefused {
        /// The host's address.
        url: String,
    },
    /// The environment names an access key, but not its secret.
    #[error("MUSTER_KEY_ID names an access key, but MUSTER_KEY_SECRET is not set")]
    NoKeySecret,
    /// The file of a host's own key cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    LocalKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("HTTPS cannot be set up: {0}")]
    Setup(String),
    /// The process ends.
    #[error("interrupted")]
    Interrupted,
    /// The tokens cannot be kept.
    #[error(transparent)]
    Contexts(#[from] ContextError),
}

impl ClientError {
    /// Whether the same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Unexpected { status, .. } => is_transient(*status),
            Self::Refused(problem) => {
                is_transient(problem.status) || problem.code == "idempotency-in-progress"
            }
            _ => false,
        }
    }

    /// Whether the request may have come to the host, and only its answer was
    /// lost.
    pub fn is_answer_lost(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if !source.is_connect())
            || self.has_code("idempotency-in-progress")
    }

    /// Whether the host refused with the given code.
    pub fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == code)
    }
}

fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// The innermost reason, which is the one that tells something.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
