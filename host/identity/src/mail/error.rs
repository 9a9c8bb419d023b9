//! Why an e-mail was not sent, so that an operator can act on it.

/// Why an e-mail was not sent. No password is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Nobody said how.
    #[error("no SMTP server is set: `muster config set mail host=…`")]
    NotConfigured,
    /// A setting cannot be.
    #[error("mail: {setting}: {problem}")]
    Misconfigured {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A template cannot be read or rendered.
    #[error("the template {file}: {problem}")]
    Template {
        /// Its file.
        file: String,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The recipient's address is none.
    #[error("{0:?} is no e-mail address")]
    NoAddress(String),
    /// A text would end its header and begin another.
    #[error("the {0} has control characters")]
    Injection(&'static str),
    /// The server cannot be reached, is busy, or wants to be asked again.
    #[error("the SMTP server {server} is not available: {problem}")]
    Unavailable {
        /// Host and port.
        server: String,
        /// What happened.
        problem: String,
    },
    /// The connection cannot be protected as it must be.
    #[error("no TLS with the SMTP server {server}: {problem}; see tls and ca_file")]
    Tls {
        /// Host and port.
        server: String,
        /// What happened.
        problem: String,
    },
    /// The server does not take user name and password.
    #[error("the SMTP server {server} does not let {user:?} in: {problem}")]
    Login {
        /// Host and port.
        server: String,
        /// The user name.
        user: String,
        /// What it said.
        problem: String,
    },
    /// The server does not take this message, and will not.
    #[error("the SMTP server {server} refused the message: {problem}")]
    Refused {
        /// Host and port.
        server: String,
        /// What it said.
        problem: String,
    },
}

impl MailError {
    /// Whether it may work later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
