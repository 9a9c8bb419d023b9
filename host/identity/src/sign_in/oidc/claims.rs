//! From claims to a profile.

use std::collections::BTreeSet;

use muster_api::config::sign_in::OidcSettings;
use serde_json::{Map, Value};

use crate::sign_in::{Profile, SignInError, highest};

/// The longest text that is taken from a claim.
const LONGEST_TEXT: usize = 256;

/// What a provider says about somebody: in the id token, and then elsewhere.
pub struct Claims(Vec<Value>);

impl Claims {
    /// The claims of an id token.
    pub fn new(id_token: Map<String, Value>) -> Self {
        Self(vec![Value::Object(id_token)])
    }

    /// Adds what is said elsewhere, for claims that the id token does not have.
    pub fn add(&mut self, elsewhere: Map<String, Value>) {
        self.0.push(Value::Object(elsewhere));
    }

    /// Who it is, for good.
    ///
    /// # Errors
    /// If the provider does not say.
    pub fn subject(&self) -> Result<&str, SignInError> {
        self.text("sub")
            .ok_or_else(|| SignInError::misconfigured("there is no claim sub"))
    }

    /// Who the method `method` says it is.
    ///
    /// # Errors
    /// If a claim is not there that must be.
    pub fn profile(&self, method: &str, settings: &OidcSettings) -> Result<Profile, SignInError> {
        let names = &settings.claims;
        let username = self.text(&names.username).ok_or_else(|| {
            SignInError::misconfigured(format!("there is no claim {}", names.username))
        })?;
        // Whether an address is verified is for the source of that address to
        // say: another may mean another address.
        let source = self
            .0
            .iter()
            .find(|source| text(source, &names.email).is_some());
        let email = source.and_then(|source| text(source, &names.email));
        let verified = source.and_then(|source| claim(source, &names.email_verified));
        let groups = self.groups(&names.groups);
        Ok(Profile {
            method: method.to_owned(),
            subject: self.subject()?.to_owned(),
            username: username.to_owned(),
            email: email.map(str::to_owned),
            email_verified: matches!(verified, Some(Value::Bool(true)))
                || verified.and_then(Value::as_str) == Some("true"),
            display_name: self.text(&names.display_name).map(str::to_owned),
            user_type: highest(&groups, &settings.group_types),
            groups,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|source| text(source, name))
    }

    fn groups(&self, name: &str) -> BTreeSet<String> {
        let found = self.0.iter().find_map(|source| claim(source, name));
        match found {
            Some(Value::String(group)) => BTreeSet::from([group.clone()]),
            Some(Value::Array(groups)) => groups
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// A claim by its name, or by a JSON pointer.
fn claim<'a>(source: &'a Value, name: &str) -> Option<&'a Value> {
    let found = if name.starts_with('/') {
        source.pointer(name)
    } else {
        source.get(name)
    };
    found.filter(|value| !value.is_null())
}

fn text<'a>(source: &'a Value, name: &str) -> Option<&'a str> {
    let text = claim(source, name)?.as_str()?.trim();
    let is_fine = !text.is_empty()
        && text.chars().count() <= LONGEST_TEXT
        && !text.contains(char::is_control);
    is_fine.then_some(text)
}

#[cfg(test)]
mod tests {
    use muster_api::users::UserType;
    use serde_json::json;

    use super::*;

    fn claims(sources: &[Value]) -> Claims {
        Claims(sources.to_vec())
    }

    fn settings() -> OidcSettings {
        OidcSettings {
            group_types: [("ops".to_owned(), UserType::Operator)].into(),
            ..OidcSettings::default()
        }
    }

    #[test]
    fn claims_become_a_profile() {
        let id_token = json!({
            "sub": "42",
            "preferred_username": "ada",
            "email": "ada@example.org",
            "email_verified": true,
            "name": "Ada Lovelace",
            "groups": ["ops", "staff", 3],
        });
        let profile = claims(&[id_token]).profile("corp", &settings()).unwrap();
        assert_eq!(
            profile,
            Profile {
                method: "corp".to_owned(),
                subject: "42".to_owned(),
                username: "ada".to_owned(),
                email: Some("ada@example.org".to_owned()),
                email_verified: true,
                display_name: Some("Ada Lovelace".to_owned()),
                groups: ["ops".to_owned(), "staff".to_owned()].into(),
                user_type: Some(UserType::Operator),
            }
        );
    }

    #[test]
    fn the_id_token_comes_first() {
        let (first, second) = (
            json!({"sub": "42", "preferred_username": "ada", "email": "ada@example.org"}),
            json!({
                "sub": "43",
                "preferred_username": "root",
                "email": "root@example.org",
                "email_verified": true,
                "name": "Ada",
            }),
        );
        let profile = claims(&[first, second])
            .profile("corp", &settings())
            .unwrap();
        assert_eq!((&*profile.subject, &*profile.username), ("42", "ada"));
        assert_eq!(profile.display_name.as_deref(), Some("Ada"));
        assert_eq!(profile.email.as_deref(), Some("ada@example.org"));
        assert!(!profile.email_verified, "that was said of another address");
    }

    #[test]
    fn only_yes_is_yes() {
        for (said, meant) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("yes"), false),
            (json!(1), false),
            (json!(null), false),
            (json!([true]), false),
        ] {
            let source = json!({
                "sub": "1", "preferred_username": "a", "email": "a@b", "email_verified": said,
            });
            let profile = claims(&[source]).profile("m", &settings()).unwrap();
            assert_eq!(profile.email_verified, meant, "{said}");
        }
    }

    #[test]
    fn inner_claims_have_pointers() {
        let mut settings = settings();
        settings.claims.groups = "/realm_access/roles".to_owned();
        let source = json!({
            "sub": "1", "preferred_username": "a", "realm_access": {"roles": "ops"},
        });
        let profile = claims(&[source]).profile("m", &settings).unwrap();
        assert_eq!(profile.user_type, Some(UserType::Operator));
    }

    #[test]
    fn senseless_texts_are_as_good_as_none() {
        for bad in [
            json!(""),
            json!("  "),
            json!("a\nb"),
            json!("x".repeat(257)),
            json!(7),
        ] {
            let source = json!({"sub": "1", "preferred_username": bad});
            let error = claims(&[source]).profile("m", &settings()).unwrap_err();
            assert!(error.detail().contains("preferred_username"), "{error:?}");
        }
    }
}
