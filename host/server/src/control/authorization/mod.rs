//! Authorization: how a browser signs somebody in on behalf of a client. A
//! visit is a browser's way through the pages; it ends in an authorization
//! code, in a device that is let in, or in a method tied to an account.

pub(crate) mod clients;
mod codes;
mod devices;
mod identities;
mod visits;

use std::net::SocketAddr;

use muster_api::{
    authorization::{AuthorizationMetadata, AuthorizationRequest, DEVICE_GRANT},
    config::management::Management,
    permissions::Permission,
};
use muster_store::Store;

use self::clients::{is_challenge, is_client, may_redirect};
pub(crate) use self::{
    codes::Redemption,
    visits::{Entered, Goal, Person, Step, Visit},
};
use super::{config::Config, factors::Factors, sign_in::SignIn};

/// What a client has asked for, checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct CodeRequest {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    state: Option<String>,
    challenge: String,
    pub(crate) scopes: Option<Vec<Permission>>,
}

/// Why a request for a code is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadRequest {
    /// It names no address that may be told; the person is.
    Here(String),
    /// The client is told at its own address.
    There(String),
}

/// Signs people in with their browsers.
#[derive(Clone)]
pub(crate) struct Authorization {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) sign_in: SignIn,
    pub(crate) factors: Factors,
    /// Where the API listens.
    pub(crate) listens: SocketAddr,
}

impl Authorization {
    /// The address under which people reach the API.
    pub(crate) fn public_url(&self) -> String {
        let configured = self.config.get::<Management>().public_url;
        configured.unwrap_or_else(|| self.own_url())
    }

    fn own_url(&self) -> String {
        format!("http://{}", self.listens)
    }

    /// What this server can do.
    pub(crate) fn metadata(&self) -> AuthorizationMetadata {
        let site = self.public_url();
        let at = |path: &str| format!("{site}{path}");
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        AuthorizationMetadata {
            authorization_endpoint: at("/oauth/authorize"),
            token_endpoint: at("/oauth/token"),
            revocation_endpoint: at("/oauth/revoke"),
            introspection_endpoint: at("/oauth/introspect"),
            device_authorization_endpoint: at("/oauth/device_authorization"),
            jwks_uri: at("/.well-known/jwks.json"),
            scopes_supported: Permission::ALL
                .iter()
                .map(|permission| permission.word().to_owned())
                .collect(),
            response_types_supported: words(&["code"]),
            response_modes_supported: words(&["query"]),
            grant_types_supported: words(&[
                "authorization_code",
                "refresh_token",
                "password",
                "client_credentials",
                DEVICE_GRANT,
            ]),
            token_endpoint_auth_methods_supported: words(&[
                "none",
                "client_secret_basic",
                "client_secret_post",
            ]),
            code_challenge_methods_supported: words(&["S256"]),
            authorization_response_iss_parameter_supported: true,
            issuer: self.sign_in.sessions.tokens.issuer(),
        }
    }

    /// Checks what a client asks for. The address for the answer comes first:
    /// before it is known to be good, nothing goes there.
    pub(crate) fn check(&self, asked: &AuthorizationRequest) -> Result<CodeRequest, BadRequest> {
        if !is_client(&asked.client_id) {
            return Err(BadRequest::Here(
                "The program that sent you here is not known.".to_owned(),
            ));
        }
        let consoles = [self.public_url(), self.own_url()];
        if !may_redirect(&asked.client_id, &asked.redirect_uri, &consoles) {
            return Err(BadRequest::Here(
                "The program that sent you here wants the answer at an address that is not its own."
                    .to_owned(),
            ));
        }
        let refuse = |error: &str, why: &str| {
            BadRequest::There(self.answer(
                &asked.redirect_uri,
                asked.state.as_deref(),
                &[("error", error), ("error_description", why)],
            ))
        };
        if asked.response_type != "code" {
            return Err(refuse(
                "unsupported_response_type",
                "response_type must be 'code'",
            ));
        }
        if asked.code_challenge_method.as_deref() != Some("S256") {
            return Err(refuse(
                "invalid_request",
                "PKCE is needed: code_challenge_method must be 'S256'",
            ));
        }
        let challenge = asked.code_challenge.clone().unwrap_or_default();
        if !is_challenge(&challenge) {
            return Err(refuse(
                "invalid_request",
                "code_challenge must be a SHA-256 in base64url",
            ));
        }
        let scopes = scopes(asked.scope.as_deref());
        Ok(CodeRequest {
            client: asked.client_id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            state: asked.state.clone(),
            challenge,
            scopes: scopes.map_err(|why| refuse("invalid_scope", &why))?,
        })
    }

    /// The address that tells a client something.
    fn answer(&self, redirect_uri: &str, state: Option<&str>, told: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(told);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.sign_in.sessions.tokens.issuer());
        format!("{redirect_uri}?{}", query.finish())
    }
}

/// Permissions as OAuth writes them: separated by spaces. Nothing means no
/// limit.
pub(crate) fn scopes(text: Option<&str>) -> Result<Option<Vec<Permission>>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let words = text.split_ascii_whitespace().map(str::parse);
    words.collect::<Result<_, _>>().map(Some)
}
