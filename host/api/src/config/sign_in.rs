//! The section `sign-in`: the ways by which people prove who they are.

mod ldap;
mod oidc;
mod shibboleth;

pub use self::{
    ldap::{LdapAttributes, LdapSettings},
    oidc::{OidcAlgorithm, OidcClaims, OidcSettings},
    shibboleth::{ShibbolethHeaders, ShibbolethSettings},
};
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, Secret};
use crate::name;

/// The name of the method for passwords that Muster itself keeps.
pub const LOCAL: &str = "local";

/// The ways by which people sign in, in the order in which they are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// The methods. Any number of them may be on at once, several of a kind
    /// too, each with a name of its own.
    pub methods: Vec<SignInMethod>,
}

/// One way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInMethod {
    /// What it is called in addresses, records and the audit log: lower-case
    /// letters, digits and inner hyphens. Accounts are tied to this name, so it
    /// should stay.
    #[schema(example = "ldap-corp")]
    pub name: String,
    /// What people read on the button or above the form.
    #[schema(example = "Company account")]
    pub label: String,
    /// Whether it is offered and believed.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What becomes of people whom this method vouches for.
    #[serde(default)]
    pub policy: SignInPolicy,
    /// Where and how it asks.
    pub settings: MethodSettings,
}

/// What becomes of people whom a method vouches for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignInPolicy {
    /// Make an account for somebody who signs in for the first time. Otherwise
    /// only those get in for whom there is an account that is tied to this
    /// method.
    pub create: bool,
    /// Leave accounts made that way pending until a moderator activates them.
    pub moderate: bool,
    /// Tie the method to an account that is there already and has the same
    /// verified e-mail address. This hands every such account, admins'
    /// included, to whoever can make the method vouch for an address: turn it
    /// on only for directories and providers that check addresses and where
    /// nobody can enter an address at will.
    pub link_by_email: bool,
}

/// Where and how a method asks, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MethodSettings {
    /// A password that Muster keeps.
    Local(LocalSettings),
    /// A password that an LDAP directory checks.
    Ldap(Box<LdapSettings>),
    /// An OpenID Connect provider.
    Oidc(Box<OidcSettings>),
    /// A Shibboleth service provider in a proxy in front of Muster.
    Shibboleth(Box<ShibbolethSettings>),
}

/// Passwords that Muster keeps: the sections `passwords` and `sign-up` say all
/// there is to say about them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSettings {}

fn yes() -> bool {
    true
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            methods: vec![SignInMethod {
                name: LOCAL.to_owned(),
                label: "Password".to_owned(),
                enabled: true,
                policy: SignInPolicy::default(),
                settings: MethodSettings::Local(LocalSettings {}),
            }],
        }
    }
}

impl SignIn {
    /// Says what does not go together. Whether a method can work at all is for
    /// its kind to say.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |problem: String| Err(InvalidSection::new("methods", problem));
        let mut names = BTreeSet::new();
        for method in &self.methods {
            let name = &method.name;
            if let Err(problem) = name::check(name) {
                return wrong(format!("{name:?}: {problem}"));
            }
            if !names.insert(name) {
                return wrong(format!("there are two called {name}"));
            }
            if matches!(method.settings, MethodSettings::Local(_)) != (name == LOCAL) {
                return wrong(format!(
                    "{name}: {LOCAL} is the name of the one method of the kind local, and of no other"
                ));
            }
            if method.label.trim().is_empty() {
                return wrong(format!("{name}: the label is empty"));
            }
            if method.settings.secret().is_some_and(Secret::is_mask) {
                return wrong(format!(
                    "{name}: enter its secret again, since it would be sent elsewhere than before"
                ));
            }
        }
        if !self.methods.iter().any(|method| method.enabled) {
            return wrong("nobody could sign in: enable one".to_owned());
        }
        Ok(())
    }

    /// Hides every secret, so that the section can be shown.
    pub fn mask(&mut self) {
        for method in &mut self.methods {
            if let Some(secret) = method.settings.secret_mut() {
                secret.mask();
            }
        }
    }

    /// Puts the secrets of `current` in place of masks, for methods of the same
    /// name that ask the same place. Where a method asks another place than
    /// before the mask stays, and whoever changes it has to enter the secret
    /// again: it must not reach a place that somebody without it chose.
    pub fn keep(&mut self, current: &Self) {
        for method in &mut self.methods {
            let before = current
                .methods
                .iter()
                .find(|before| before.name == method.name);
            if let Some(before) = before
                && method.settings.asks_where(&before.settings)
                && let Some(known) = before.settings.secret()
                && let Some(secret) = method.settings.secret_mut()
            {
                secret.keep(known);
            }
        }
    }
}

impl MethodSettings {
    /// The kind, as it stands in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Ldap(_) => "ldap",
            Self::Oidc(_) => "oidc",
            Self::Shibboleth(_) => "shibboleth",
        }
    }

    /// The secret, if this kind has one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Local(_) => None,
            Self::Ldap(settings) => Some(&settings.bind_password),
            Self::Oidc(settings) => Some(&settings.client_secret),
            Self::Shibboleth(settings) => Some(&settings.secret),
        }
    }

    fn secret_mut(&mut self) -> Option<&mut Secret> {
        match self {
            Self::Local(_) => None,
            Self::Ldap(settings) => Some(&mut settings.bind_password),
            Self::Oidc(settings) => Some(&mut settings.client_secret),
            Self::Shibboleth(settings) => Some(&mut settings.secret),
        }
    }

    /// Whether both send their secret to the same place under the same
    /// protection.
    fn asks_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ldap(a), Self::Ldap(b)) => {
                a.urls == b.urls && a.start_tls == b.start_tls && a.ca_file == b.ca_file
            }
            (Self::Oidc(a), Self::Oidc(b)) => a.issuer == b.issuer && a.ca_file == b.ca_file,
            // This secret is never sent anywhere.
            (Self::Shibboleth(_), Self::Shibboleth(_)) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
