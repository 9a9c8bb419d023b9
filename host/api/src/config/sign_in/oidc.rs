//! Providers that speak OpenID Connect.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Secret;
use crate::{units::Millis, users::UserType};

/// A provider that is asked over OpenID Connect, with the code flow and PKCE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider's issuer identifier, exactly as it calls itself;
    /// `/.well-known/openid-configuration` below it describes the rest. It
    /// begins with `https://`, but for a provider on this very machine.
    #[schema(example = "https://accounts.example.org")]
    pub issuer: String,
    /// Who Muster is to the provider.
    pub client_id: String,
    /// Its secret; empty for a public client.
    pub client_secret: Secret,
    /// What is asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// Which claims tell what.
    pub claims: OidcClaims,
    /// Whether to ask the user-info endpoint for claims that the id token does
    /// not have.
    pub user_info: bool,
    /// The signatures that are believed on id tokens.
    pub algorithms: BTreeSet<OidcAlgorithm>,
    /// The types that members of these groups get; the highest counts.
    pub group_types: BTreeMap<String, UserType>,
    /// A file on the host with the certificates in PEM form that are believed
    /// instead of those of public authorities.
    pub ca_file: Option<String>,
    /// How far the provider's clock may be off.
    pub leeway: Millis,
    /// How long each answer of the provider may take.
    pub timeout: Millis,
}

/// Which claims tell what: a claim's name, or, for what is inside of one, a JSON
/// pointer such as `/realm_access/roles`. The subject is always `sub`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OidcClaims {
    /// The user name.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider has verified it.
    pub email_verified: String,
    /// The name to show.
    pub display_name: String,
    /// The groups: a text or a list of texts.
    pub groups: String,
}

/// A signature that everybody can check and only the provider can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "these are names of RFC 7518 and RFC 8037")]
pub enum OidcAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            claims: OidcClaims::default(),
            user_info: false,
            algorithms: BTreeSet::from([OidcAlgorithm::RS256, OidcAlgorithm::ES256]),
            group_types: BTreeMap::new(),
            ca_file: None,
            leeway: Millis(60_000),
            timeout: Millis(10_000),
        }
    }
}

impl Default for OidcClaims {
    fn default() -> Self {
        Self {
            username: "preferred_username".to_owned(),
            email: "email".to_owned(),
            email_verified: "email_verified".to_owned(),
            display_name: "name".to_owned(),
            groups: "groups".to_owned(),
        }
    }
}
