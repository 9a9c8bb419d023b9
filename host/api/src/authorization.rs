//! Authorization: how a browser signs somebody in for a client, in the words of
//! OAuth 2 (RFC 6749, 7636, 8414, 8628).

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The grant of a device that has no browser.
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Asks that somebody signs in with their browser and a code is sent to the
/// client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuthorizationRequest {
    /// Always `code`.
    #[serde(default)]
    pub response_type: String,
    /// The client: `muster-cli` or `muster-console`.
    #[serde(default)]
    pub client_id: String,
    /// Where the code is sent to: the console's own address with the path
    /// `/callback`, or `http://127.0.0.1:PORT/callback` on the person's machine.
    #[serde(default)]
    pub redirect_uri: String,
    /// Is sent back as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Permissions that are wanted at most, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The SHA-256 of the verifier, in base64url without padding (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// Always `S256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// The sign-in method to use, if the person is not to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// Asks for codes for a device that has no browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceRequest {
    /// The client: `muster-cli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Permissions that are wanted at most, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Codes for a device (RFC 8628, section 3.2).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceReply {
    /// What the device asks for tokens with.
    pub device_code: String,
    /// What a person enters in a browser.
    #[schema(example = "BCDF-GHJK")]
    pub user_code: String,
    /// Where they enter it.
    pub verification_uri: String,
    /// The same, with the code in it.
    pub verification_uri_complete: String,
    /// Seconds until both codes expire.
    pub expires_in: u64,
    /// How many seconds the device waits at least between questions.
    pub interval: u64,
}

/// What this server can do (RFC 8414, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorizationMetadata {
    /// The address that everything here begins with.
    pub issuer: String,
    /// Where a browser begins.
    pub authorization_endpoint: String,
    /// Where codes and other grants become tokens.
    pub token_endpoint: String,
    /// Where sessions are ended.
    pub revocation_endpoint: String,
    /// Where tokens are asked about.
    pub introspection_endpoint: String,
    /// Where devices without a browser begin.
    pub device_authorization_endpoint: String,
    /// The keys with which access tokens can be checked.
    pub jwks_uri: String,
    /// The permissions there are.
    pub scopes_supported: Vec<String>,
    /// What the authorization endpoint gives.
    pub response_types_supported: Vec<String>,
    /// How it gives it.
    pub response_modes_supported: Vec<String>,
    /// What the token endpoint takes.
    pub grant_types_supported: Vec<String>,
    /// How clients show who they are there.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// How clients prove that a code is theirs.
    pub code_challenge_methods_supported: Vec<String>,
    /// Whether answers say who sends them (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
}
