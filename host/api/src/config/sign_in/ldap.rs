//! Directories that are asked by LDAP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Secret;
use crate::{units::Millis, users::UserType};

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
