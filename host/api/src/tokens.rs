//! Tokens: how people and programs show who they are, in the words of OAuth 2
//! (RFC 6749). Requests are forms, not JSON.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::factors::{FactorKind, PasskeyChallenge};

/// The client that the command line is.
pub const CLI_CLIENT: &str = "muster-cli";
/// The client that the console is.
pub const CONSOLE_CLIENT: &str = "muster-console";

/// Asks for tokens. Which fields are needed depends on the grant.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `password`, `refresh_token`, `authorization_code`, `client_credentials`
    /// or `urn:ietf:params:oauth:grant-type:device_code`.
    pub grant_type: String,
    /// The client: `muster-cli`, `muster-console`, or an access key's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// An access key's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Permissions that are wanted at most, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Grant `password`: the user's name or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Grant `password`: the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Grant `password`: the sign-in method; `local` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Grant `password`: a code of the second factor, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp: Option<String>,
    /// Grant `password`: the answer of a passkey to the challenge that the
    /// error `otp_required` set, as a JSON object with `ticket` and `answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<String>,
    /// Grant `password`: the version of the terms of use that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_terms: Option<u64>,
    /// Grant `password`: the answer to the puzzle that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha: Option<String>,
    /// Grant `refresh_token`: the token, which is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Grant `authorization_code`: the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Grant `authorization_code`: where the code was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Grant `authorization_code`: the verifier of PKCE (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<String>,
    /// Grant `device_code`: the code of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_code: Option<String>,
}

/// Tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenReply {
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Gets the next pair, once. Access keys get none: they ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The permissions it is limited to, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Why there are no tokens (RFC 6749, section 5.2), and what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OAuthError {
    /// A word for programs, such as `invalid_grant`, `otp_required`,
    /// `terms_required`, `captcha_required`.
    pub error: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error_description: String,
    /// Error `captcha_required`: the puzzle to solve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub captcha: Option<serde_json::Value>,
    /// Error `otp_required`: the kinds of second factor that would do. With
    /// `invalid_grant` it tells that the password was right and the second
    /// factor was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<FactorKind>,
    /// Error `otp_required`, for those who have a passkey: what to ask it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyChallenge>,
    /// Error `terms_required`: the version to accept. Its text is at
    /// `GET /api/v1/terms/{version}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<u64>,
    /// Error `locked`: seconds until the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// Names a token, to revoke or inspect it.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct TokenForm {
    /// The token.
    pub token: String,
    /// `access_token` or `refresh_token`; a hint only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type_hint: Option<String>,
    /// An access key's id, which introspection asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The access key's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// What is known of a token (RFC 7662).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good now. Nothing else is told if it is not.
    pub active: bool,
    /// The permissions it is limited to, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client it was given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// When it expires, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// When it was given out, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
}

/// A key that tokens are signed with. Its public part is at
/// `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// Its id: the thumbprint of RFC 7638, which tokens name as `kid`.
    pub id: String,
    /// Its algorithm, as JWTs name it.
    #[schema(example = "EdDSA")]
    pub algorithm: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when tokens that it has signed may be good; absent while it signs.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ends_at: Option<OffsetDateTime>,
}
