//! Sign-ups: how people come by themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{captcha::CaptchaChallenge, users::UserState};

/// What one needs to know to sign up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignUpInfo {
    /// Whether people may.
    pub allowed: bool,
    /// Whether the link in a mail has to be followed afterwards.
    pub verify_email: bool,
    /// What shows that it is no bot who asks.
    pub captcha: CaptchaChallenge,
    /// The version of the terms of use that has to be accepted, if there are
    /// any. Its text is at `GET /api/v1/terms/{version}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<u64>,
    /// What a password has to be.
    pub password: PasswordRules,
}

/// What a password has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordRules {
    /// How many characters at least.
    pub min_length: u32,
    /// How hard it must be to guess, from 0 to 4, by the zxcvbn estimate.
    pub min_score: u8,
}

/// Signs somebody up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignUp {
    /// The name to sign in with.
    pub name: String,
    /// Their name as people say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// Where mail reaches them.
    pub email: String,
    /// The password from then on.
    pub password: String,
    /// What shows that it is no bot who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha: Option<String>,
    /// The version of the terms of use that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_terms: Option<u64>,
}

/// What happens next. It is the same whether or not name and address were
/// known before. Where mail is not configured, an admin has to pass the link on
/// by which the address is verified; see the operation `user_send_activation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignUpReply {
    /// A sentence for whoever signed up.
    #[schema(example = "Follow the link in the mail that was sent to you.")]
    pub next: String,
}

/// Shows by the link in a mail that an address is theirs.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// What the link holds as `token`.
    pub token: String,
}

/// Sets a password by the link of an activation or of a forgotten password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActivation {
    /// What the link holds as `token`.
    pub token: String,
    /// The password from then on.
    pub password: String,
}

/// What came of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkReply {
    /// Whom it concerned.
    pub name: String,
    /// Where they stand now.
    pub state: UserState,
}

/// Asks for a link by which a forgotten password can be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasswordReset {
    /// The address that the user is known by.
    pub email: String,
}

/// What happens next. It is the same whether or not anybody is known by the
/// address. Where mail is not configured, an admin has to pass the link on; see
/// the operation `user_send_activation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordResetReply {
    /// A sentence for whoever asked.
    #[schema(
        example = "This Muster sends no mail: ask an admin for a link by which you choose another password."
    )]
    pub next: String,
}

/// Asks for a mail that shows whether mail works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailTest {
    /// Where to.
    #[schema(example = "ada@example.org")]
    pub to: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailTestReply {
    /// Whether the server took it.
    pub accepted: bool,
    /// What was wrong, as the server or the connection to it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
