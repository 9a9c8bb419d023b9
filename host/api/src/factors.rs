//! Second factors: what somebody shows besides a password. Changing them needs
//! a fresh proof of who is there, because a session alone may be stolen.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::config::Secret;

/// The kinds of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FactorKind {
    /// A code from an authenticator app.
    Totp,
    /// A passkey: a device that its owner unlocks, asked by a browser.
    Passkey,
    /// One of the codes on paper, which stand in for the others.
    RecoveryCode,
}

impl FactorKind {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery-code",
        }
    }
}

/// Somebody's second factors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Factors {
    /// Whether signing in takes one of them.
    pub required: bool,
    /// The authenticator app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// The passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

/// An authenticator app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totp {
    /// Whether a first code has come from it. It does not count before.
    pub confirmed: bool,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passkey {
    /// Its id, in base64url.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was registered.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last used.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_used_at: Option<OffsetDateTime>,
}

/// Shows anew who is there; one of both will do, but for whoever has a second
/// factor the password alone does not, unless they signed in with the factor in
/// the last ten minutes. Who has no password here signs in again instead, and
/// sends neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proof {
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A code of the authenticator app, or a recovery code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp: Option<Secret>,
}

impl Proof {
    /// Whether nothing is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.password.is_none() && self.otp.is_none()
    }
}

/// What an authenticator app needs. It is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotpEnrolment {
    /// The secret in base32, for typing.
    pub secret: Secret,
    /// The same as an `otpauth:` address, for a QR code.
    pub uri: Secret,
}

/// Shows that the authenticator app has the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirmation {
    /// The code that it shows now.
    pub code: Secret,
}

/// New recovery codes; all earlier ones are void. They are shown this once, and
/// each serves once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<Secret>,
}

/// What to ask a passkey, or a device that is to hold one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyChallenge {
    /// Goes back along with the answer. Good once, for five minutes.
    pub ticket: String,
    /// The argument of `navigator.credentials.create` or `get`, with bytes in
    /// base64url.
    #[schema(value_type = Object)]
    pub options: serde_json::Value,
}

/// What a passkey answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAnswer {
    /// The ticket of the challenge.
    pub ticket: String,
    /// The credential that `navigator.credentials.get` gave, with bytes in
    /// base64url.
    #[schema(value_type = Object)]
    pub answer: serde_json::Value,
}

/// Registers a passkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// What to call it, such as `phone`: 1 to 60 characters.
    pub name: String,
    /// The ticket of the challenge.
    pub ticket: String,
    /// The credential that `navigator.credentials.create` gave, with bytes in
    /// base64url.
    #[schema(value_type = Object)]
    pub answer: serde_json::Value,
}

/// Calls a passkey something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyChange {
    /// What to call it: 1 to 60 characters.
    pub name: String,
}
