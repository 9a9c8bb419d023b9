//! Identities: as whom sign-in methods know a user; and the methods there are.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::factors::Proof;

/// A way to sign in, as it is offered to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MethodOffer {
    /// Its name.
    #[schema(example = "ldap-corp")]
    pub name: String,
    /// What kind it is: `local`, `ldap`, `oidc` or `shibboleth`.
    pub kind: String,
    /// What people read on its button.
    #[schema(example = "Company account")]
    pub label: String,
    /// How a person goes about it.
    pub style: MethodStyle,
}

/// How a person goes about signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MethodStyle {
    /// With name and password, in a form or with the grant `password`.
    Password,
    /// In a browser, on another site.
    Redirect,
    /// In a browser, through a proxy that tells who they are.
    ProxyHeaders,
}

/// As whom a sign-in method knows a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The method's name.
    pub method: String,
    /// Who it is at the method's source, for good.
    pub subject: String,
    /// When the two were tied.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When somebody last signed in that way.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_used_at: Option<OffsetDateTime>,
}

/// Ties a sign-in method to one's account.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The method's name.
    pub method: String,
    /// For methods with passwords: the name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For methods with passwords: the password there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The proof that one is no bot, which is asked for after wrong passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha: Option<String>,
    /// Shows anew who is there.
    #[serde(default)]
    pub proof: Proof,
}

/// What comes of tying a method to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityLink {
    /// It is done.
    Done(Identity),
    /// Open this address in a browser within ten minutes, sign in there and
    /// agree. It works once.
    Browser {
        /// The address.
        url: String,
    },
}
