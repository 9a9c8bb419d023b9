use thiserror::Error;
use uuid::Uuid;

/// Why keys, certificates or requests for them are not what they should be.
#[derive(Debug, Error)]
pub enum PeeringError {
    /// A text is not the PEM of what it should be.
    #[error("this is not the PEM of {what}: {why}")]
    Pem {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Bytes are no certificate that this crate could have made.
    #[error("this certificate is none of a Muster host or cluster: {0}")]
    Certificate(String),
    /// A certificate was asked for with a request that is not good.
    #[error("the request for a certificate is refused: {0}")]
    Request(String),
    /// A certificate was asked for that would be valid for too long, or never.
    #[error("a host's certificate is valid for at most {} days, and longer than its backdating", crate::authority::LONGEST_LIFE.whole_days())]
    Life,
    /// A certificate is of another host than it should be.
    #[error("this certificate is host {found}'s, not host {expected}'s")]
    OtherHost {
        /// Whose it should be.
        expected: Uuid,
        /// Whose it is.
        found: Uuid,
    },
    /// A certificate is not for the key that it should be for.
    #[error("this certificate is for another key than this host's")]
    OtherKey,
    /// A certificate was signed by none of the authorities that are trusted.
    #[error("this certificate comes from another cluster")]
    OtherCluster,
    /// No certificate authority is there to be trusted.
    #[error("there is no certificate authority in what was given")]
    NoAnchor,
    /// The library of cryptography refuses.
    #[error("the cryptographic library refuses: {0}")]
    Crypto(String),
}

impl From<rcgen::Error> for PeeringError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl From<rustls::Error> for PeeringError {
    fn from(error: rustls::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}
