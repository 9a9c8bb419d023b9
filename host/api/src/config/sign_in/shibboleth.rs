//! Proxies that sign people in with Shibboleth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Secret;
use crate::users::UserType;

/// A proxy in front of Muster that signs people in with Shibboleth and tells
/// in headers who they are. The proxy asks people to sign in at the path to
/// which the method's button leads: `/sign-in/` and the method's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShibbolethSettings {
    /// The networks of the proxies, in CIDR notation. Headers from anywhere
    /// else are refused.
    #[schema(example = json!(["10.0.0.7/32"]))]
    pub proxies: Vec<String>,
    /// The header by which a proxy proves that it is one. The proxy must
    /// remove it, and all headers below, from what clients send.
    pub secret_header: String,
    /// What the proxy sends in that header: at least 32 characters that nobody
    /// guesses.
    pub secret: Secret,
    /// Which headers tell what.
    pub headers: ShibbolethHeaders,
    /// Whether addresses in the `mail` header count as verified.
    pub email_verified: bool,
    /// The types that people with these affiliations get; the highest counts.
    #[schema(example = json!({"staff@example.org": "developer"}))]
    pub group_types: BTreeMap<String, UserType>,
}

/// Which headers tell what. A name may be written as CGI programs know it:
/// `HTTP_EPPN` is the header `eppn`. A request with a header whose name differs
/// only by case of letters, by underscores for hyphens or by `HTTP_` in front is
/// refused, since some proxies let such ones through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShibbolethHeaders {
    /// The name that is unique among all institutions, such as
    /// `ada@example.org`. Accounts are tied to it.
    pub principal: String,
    /// The given name.
    pub given_name: String,
    /// The surname.
    pub surname: String,
    /// The whole name.
    pub common_name: String,
    /// What the person is at the institution; several are separated by
    /// semicolons.
    pub affiliation: String,
    /// The e-mail address. Empty: it is not read.
    pub email: String,
}

impl Default for ShibbolethSettings {
    fn default() -> Self {
        Self {
            proxies: Vec::new(),
            secret_header: "X-Muster-Proxy-Secret".to_owned(),
            secret: Secret::default(),
            headers: ShibbolethHeaders::default(),
            email_verified: false,
            group_types: BTreeMap::new(),
        }
    }
}

impl Default for ShibbolethHeaders {
    fn default() -> Self {
        Self {
            principal: "eppn".to_owned(),
            given_name: "givenName".to_owned(),
            surname: "sn".to_owned(),
            common_name: "cn".to_owned(),
            affiliation: "affiliation".to_owned(),
            email: "mail".to_owned(),
        }
    }
}
