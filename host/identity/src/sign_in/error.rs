//! Why somebody could not sign in: a sentence for the person, which never tells
//! who exists, and the detail for the operator's log.

/// Why somebody could not sign in. `Display` is for the person who tries;
/// [`SignInError::detail`] is for the log alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Nobody of that name, or not the password. Which of the two is only in
    /// the detail.
    #[error("the user name or password is wrong")]
    WrongCredentials {
        /// For the log.
        detail: String,
    },
    /// The server behind the method cannot be asked now.
    #[error("this way to sign in is not available at the moment: try again later")]
    Unavailable {
        /// For the log.
        detail: String,
    },
    /// The method cannot work as it is set up.
    #[error("this way to sign in is not set up correctly: tell an operator")]
    Misconfigured {
        /// For the log.
        detail: String,
    },
    /// The attempt itself is not acceptable: forged, replayed, too old, or
    /// turned down by the server behind the method.
    #[error("this attempt to sign in was refused: start again")]
    Refused {
        /// For the log.
        detail: String,
    },
}

impl SignInError {
    /// What happened, for the operator's log. It may name accounts and servers
    /// but never has passwords, codes or tokens.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::WrongCredentials { detail }
            | Self::Unavailable { detail }
            | Self::Misconfigured { detail }
            | Self::Refused { detail } => detail,
        }
    }

    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::WrongCredentials {
            detail: detail.into(),
        }
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
        }
    }

    pub(crate) fn misconfigured(detail: impl Into<String>) -> Self {
        Self::Misconfigured {
            detail: detail.into(),
        }
    }

    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Self::Refused {
            detail: detail.into(),
        }
    }
}
