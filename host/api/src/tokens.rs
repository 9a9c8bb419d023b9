//! Tokens: how people and programs show who they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "grant_type", deny_unknown_fields)]
pub enum TokenRequest {
    /// By name and password.
    Password {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
    /// By a refresh token, which is used up.
    RefreshToken {
        /// The token.
        refresh_token: String,
    },
}

/// A pair of tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenReply {
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Gets the next pair, once.
    pub refresh_token: String,
}
