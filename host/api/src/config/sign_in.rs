//! The section `sign-in`: the ways by which people prove who they are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, Secret};
use crate::{name, units::Millis, users::UserType};

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

/// A directory that is asked over LDAP: bind as a service, find the one entry
/// of the user, bind as that entry with the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdapSettings {
    /// The servers, tried in this order: `ldap://directory.example:389` or
    /// `ldaps://directory.example`.
    pub urls: Vec<String>,
    /// Turn connections to `ldap://` servers into encrypted ones before
    /// anything else is said. Without it, passwords cross the network in plain
    /// text.
    pub start_tls: bool,
    /// A file on the host with the certificates in PEM form that are believed
    /// instead of those of public authorities.
    pub ca_file: Option<String>,
    /// The name that the search binds as. Empty: it is anonymous.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: Secret,
    /// Below which entry users are.
    #[schema(example = "ou=people,dc=example,dc=org")]
    pub user_base: String,
    /// The filter that finds a user; `{username}` stands for what was entered,
    /// escaped.
    pub user_filter: String,
    /// Which attributes tell what.
    pub attributes: LdapAttributes,
    /// Whether the directory's e-mail addresses count as verified. Not where
    /// people can change their own.
    pub email_verified: bool,
    /// Below which entry groups are. Empty: groups are not looked up.
    pub group_base: String,
    /// The filter that finds a user's groups; `{dn}` stands for the user's
    /// distinguished name and `{username}` for the user name, escaped.
    pub group_filter: String,
    /// The attribute with a group's name.
    pub group_name: String,
    /// The types that members of these groups get; the highest counts.
    pub group_types: BTreeMap<String, UserType>,
    /// How long connecting, and each question, may take.
    pub timeout: Millis,
}

/// Which attributes of a user's entry tell what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdapAttributes {
    /// What never changes and is never given to anybody else, so that accounts
    /// are tied to it. `objectGUID` in Active Directory.
    pub subject: String,
    /// The user name.
    pub username: String,
    /// The e-mail address.
    pub email: String,
    /// The name to show.
    pub display_name: String,
}

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

impl Default for LdapSettings {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            start_tls: true,
            ca_file: None,
            bind_dn: String::new(),
            bind_password: Secret::default(),
            user_base: String::new(),
            user_filter: "(&(objectClass=person)(uid={username}))".to_owned(),
            attributes: LdapAttributes::default(),
            email_verified: false,
            group_base: String::new(),
            group_filter: "(&(objectClass=groupOfNames)(member={dn}))".to_owned(),
            group_name: "cn".to_owned(),
            group_types: BTreeMap::new(),
            timeout: Millis(5_000),
        }
    }
}

impl Default for LdapAttributes {
    fn default() -> Self {
        Self {
            subject: "entryUUID".to_owned(),
            username: "uid".to_owned(),
            email: "mail".to_owned(),
            display_name: "cn".to_owned(),
        }
    }
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
mod tests {
    use serde_json::json;

    use super::*;

    fn ldap(url: &str, password: &str) -> SignIn {
        let section = json!({"methods": [{
            "name": "ldap-corp",
            "label": "Company account",
            "settings": {"kind": "ldap", "urls": [url], "bind_password": password},
        }]});
        serde_json::from_value(section).unwrap()
    }

    fn secret(section: &SignIn) -> &str {
        section.methods[0].settings.secret().unwrap().expose()
    }

    #[test]
    fn without_a_word_people_sign_in_with_passwords() {
        let section: SignIn = serde_json::from_value(json!({})).unwrap();
        assert_eq!(section, SignIn::default());
        assert_eq!(section.methods[0].settings.kind(), LOCAL);
    }

    #[test]
    fn accounts_are_neither_made_nor_linked_unless_told() {
        let method = &ldap("ldap://a", "x").methods[0];
        assert!(method.enabled);
        assert_eq!(method.policy, SignInPolicy::default());
        assert!(!method.policy.create && !method.policy.link_by_email);
    }

    #[test]
    fn unknown_keys_and_symmetric_algorithms_are_refused() {
        for settings in [
            json!({"kind": "ldap", "url": "ldap://a"}),
            json!({"kind": "oidc", "algorithms": ["HS256"]}),
            json!({"kind": "oidc", "algorithms": ["none"]}),
            json!({"kind": "kerberos"}),
            json!({"kind": "local", "hash": "md5"}),
        ] {
            let told = settings.to_string();
            assert!(
                serde_json::from_value::<MethodSettings>(settings).is_err(),
                "{told}"
            );
        }
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        assert_eq!(SignIn::default().check(), Ok(()));
        let good = ldap("ldap://a", "x");
        assert_eq!(good.check(), Ok(()));
        let told = |change: fn(&mut SignIn)| {
            let mut section = good.clone();
            change(&mut section);
            section.check().unwrap_err().problem
        };
        assert!(told(|s| s.methods.clear()).contains("nobody"));
        assert!(told(|s| s.methods[0].enabled = false).contains("nobody"));
        assert!(told(|s| s.methods.push(s.methods[0].clone())).contains("two"));
        assert!(told(|s| s.methods[0].name = "../admin".to_owned()).contains("../admin"));
        assert!(told(|s| s.methods[0].name = LOCAL.to_owned()).contains(LOCAL));
        assert!(told(|s| s.methods[0].label = " ".to_owned()).contains("label"));
        assert!(told(SignIn::mask).contains("again"));
    }

    #[test]
    fn a_secret_that_is_not_changed_is_kept() {
        let current = ldap("ldap://a", "hunter2");
        let mut shown = current.clone();
        shown.mask();
        assert!(!format!("{shown:?}").contains("hunter2"));
        assert_eq!(secret(&shown), Secret::MASK);
        shown.keep(&current);
        assert_eq!(shown, current);
    }

    #[test]
    fn a_secret_is_not_sent_to_a_place_chosen_by_somebody_without_it() {
        let current = ldap("ldap://a", "hunter2");
        let mut moved = ldap("ldap://attacker", Secret::MASK);
        moved.keep(&current);
        assert_eq!(secret(&moved), Secret::MASK);
        let mut renamed = ldap("ldap://a", Secret::MASK);
        renamed.methods[0].name = "other".to_owned();
        renamed.keep(&current);
        assert_eq!(secret(&renamed), Secret::MASK);
    }
}
