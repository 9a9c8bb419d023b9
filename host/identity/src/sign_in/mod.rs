//! The ways to sign in, behind one trait. A method says who somebody is at its
//! source; which account that is, and whether there is one, is decided by its
//! caller under the method's policy.

mod error;
mod ldap;
mod oidc;
mod shibboleth;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use async_trait::async_trait;
use http::HeaderMap;
use muster_api::{
    config::sign_in::{MethodSettings, SignInMethod},
    users::UserType,
};
use serde::{Deserialize, Serialize};

pub use self::{error::SignInError, ldap::Ldap, oidc::Oidc, shibboleth::Shibboleth};

/// How a person goes about signing in with a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A form with user name and password.
    Password,
    /// A trip to another site and back: [`Method::begin`], then
    /// [`Attempt::Callback`].
    Redirect,
    /// A request through a proxy that says in headers who it is.
    ProxyHeaders,
}

/// What is the same about every method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name, such as `ldap-corp`: what accounts are tied to.
    pub name: String,
    /// Its kind, such as `ldap`.
    pub kind: &'static str,
    /// What people read on its button.
    pub label: String,
}

/// What somebody brings to prove who they are.
#[derive(Clone, Copy)]
pub enum Attempt<'a> {
    /// A form that was sent.
    Password {
        /// The user name, as it was entered.
        username: &'a str,
        /// The password.
        password: &'a str,
    },
    /// The way back from another site.
    Callback {
        /// The parameters of the address that the person came back to.
        parameters: &'a BTreeMap<String, String>,
        /// What [`Method::begin`] gave to keep. It must come from the same
        /// browser, and be used once.
        kept: &'a Kept,
    },
    /// A request that came through a proxy.
    Headers {
        /// The address at the other end of the connection itself, never one
        /// out of a header.
        peer: IpAddr,
        /// All headers of the request.
        headers: &'a HeaderMap,
    },
}

/// Where to send somebody, and what to keep until they are back.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The address to redirect the browser to.
    pub url: String,
    /// What to keep, out of sight of the browser or sealed.
    pub kept: Kept,
}

/// What ties the way back to the way there. Secret: whoever has it can finish
/// in the person's stead.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The method that began.
    pub method: String,
    /// What the callback must repeat.
    pub state: String,
    /// What the id token must repeat.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// The address that the provider sends the person back to.
    pub redirect_uri: String,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept")
            .field("method", &self.method)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// Who somebody is, by a method's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The method's name.
    pub method: String,
    /// Who it is at the method's source, for good: an account is tied to
    /// method and subject.
    pub subject: String,
    /// The user name they would like; nothing promises that it is free here or
    /// will stay theirs.
    pub username: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the source vouches that the address is theirs.
    pub email_verified: bool,
    /// The name to show.
    pub display_name: Option<String>,
    /// The groups at the source.
    pub groups: BTreeSet<String>,
    /// The type that these groups give; none if no group is in the map.
    pub user_type: Option<UserType>,
}

/// A way to sign in.
#[async_trait]
pub trait Method: Send + Sync {
    /// What it is called.
    fn about(&self) -> &About;

    /// How a person goes about it.
    fn style(&self) -> Style;

    /// Begins a trip to another site that will come back to `redirect_uri`.
    ///
    /// # Errors
    /// If the site cannot be asked, or this method needs no trip.
    async fn begin(&self, redirect_uri: &str) -> Result<Begun, SignInError> {
        let _ = redirect_uri;
        Err(other_style(self.about()))
    }

    /// Says who somebody is.
    ///
    /// # Errors
    /// If they do not prove it, or it cannot be found out.
    async fn sign_in(&self, attempt: Attempt<'_>) -> Result<Profile, SignInError>;
}

/// The method that a configuration describes; none for the local one, whose
/// passwords are elsewhere. Nothing is asked yet.
///
/// # Errors
/// [`SignInError::Misconfigured`] if it could never work; the detail names the
/// setting.
pub fn method(described: &SignInMethod) -> Result<Option<Arc<dyn Method>>, SignInError> {
    let about = About {
        name: described.name.clone(),
        kind: described.settings.kind(),
        label: described.label.clone(),
    };
    Ok(match &described.settings {
        MethodSettings::Local(_) => None,
        MethodSettings::Ldap(settings) => Some(Arc::new(Ldap::new(about, settings)?)),
        MethodSettings::Oidc(settings) => Some(Arc::new(Oidc::new(about, settings)?)),
        MethodSettings::Shibboleth(settings) => Some(Arc::new(Shibboleth::new(about, settings)?)),
    })
}

/// What a method answers to an attempt of another style than its own.
pub fn other_style(about: &About) -> SignInError {
    SignInError::refused(format!(
        "nobody signs in with {} ({}) this way",
        about.name, about.kind
    ))
}

/// The highest type that any of the groups gives.
fn highest(groups: &BTreeSet<String>, types: &BTreeMap<String, UserType>) -> Option<UserType> {
    let given: Vec<_> = groups.iter().filter_map(|group| types.get(group)).collect();
    // The list begins with the highest.
    UserType::ALL.into_iter().find(|kind| given.contains(&kind))
}

/// Refuses a setting that must be there.
fn required(name: &str, value: &str) -> Result<(), SignInError> {
    if value.trim().is_empty() {
        return Err(SignInError::misconfigured(format!("{name} is not set")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(groups: &[&str]) -> BTreeSet<String> {
        groups.iter().map(|&group| group.to_owned()).collect()
    }

    #[test]
    fn the_highest_group_counts() {
        let types = BTreeMap::from([
            ("staff".to_owned(), UserType::Developer),
            ("ops".to_owned(), UserType::Operator),
            ("guests".to_owned(), UserType::Viewer),
        ]);
        assert_eq!(
            highest(&set(&["staff", "ops", "guests", "x"]), &types),
            Some(UserType::Operator)
        );
        assert_eq!(highest(&set(&["Staff", "x"]), &types), None);
        assert_eq!(highest(&set(&[]), &types), None);
    }

    #[test]
    fn what_is_kept_is_not_logged() {
        let kept = Kept {
            method: "m".to_owned(),
            state: "s3cret".to_owned(),
            nonce: "s3cret".to_owned(),
            verifier: "s3cret".to_owned(),
            redirect_uri: "https://here/".to_owned(),
        };
        assert!(!format!("{kept:?}").contains("s3cret"));
    }

    #[test]
    fn errors_keep_their_detail_from_people() {
        let error = SignInError::wrong("no entry for ada");
        assert!(!error.to_string().contains("ada"));
        assert_eq!(error.detail(), "no entry for ada");
    }
}
