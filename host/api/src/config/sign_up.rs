//! Section `sign-up`: whether people may come by themselves, and what happens
//! then.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;
use crate::users::UserType;

/// Whether people may sign up, and what they are then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignUp {
    /// Whether they may.
    pub allowed: bool,
    /// Whether they have to follow a link in a mail before anything else.
    /// Without it nobody can be told by mail that a name is taken, so that the
    /// answer tells it.
    pub verify_email: bool,
    /// Who decides whether they may stay.
    pub moderation: Moderation,
    /// With automatic moderation: the addresses that need nobody to decide, as
    /// patterns of the whole address in which `*` stands for any characters.
    #[schema(example = json!(["*@example.org"]))]
    pub automatic: Vec<String>,
    /// What they are: developer or viewer.
    #[serde(rename = "type")]
    pub kind: UserType,
    /// The project that they are in from the beginning, beside their own.
    pub project: Option<String>,
    /// The sign-in methods by which new users may come. `local`: with a name
    /// and a password of their own.
    #[schema(example = json!(["local"]))]
    pub methods: Vec<String>,
}

/// Who decides about somebody who signed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moderation {
    /// An admin activates each.
    #[default]
    Manual,
    /// Addresses that match a pattern are active at once; of others an admin
    /// decides.
    Automatic,
    /// Nobody: all are active at once.
    None,
}

impl Default for SignUp {
    fn default() -> Self {
        Self {
            allowed: false,
            verify_email: true,
            moderation: Moderation::default(),
            automatic: Vec::new(),
            kind: UserType::Developer,
            project: None,
            methods: vec!["local".to_owned()],
        }
    }
}

impl SignUp {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem: &str| Err(InvalidSection::new(field, problem));
        if matches!(self.kind, UserType::Admin | UserType::Operator) {
            return wrong("type", "who comes by themselves is a developer or a viewer");
        }
        if self.moderation == Moderation::Automatic {
            if self.automatic.is_empty() {
                return wrong("automatic", "automatic moderation needs patterns");
            }
            // Anybody can claim an address that fits.
            if !self.verify_email {
                return wrong(
                    "verify_email",
                    "automatic moderation goes by the address, which has to be verified",
                );
            }
        }
        let odd = |pattern: &String| {
            pattern.trim().is_empty()
                || pattern.contains(char::is_whitespace)
                || pattern.len() > 254
        };
        if self.automatic.iter().any(odd) {
            return wrong("automatic", "a pattern is an address such as *@example.org");
        }
        Ok(())
    }

    /// Whether an address needs nobody to decide.
    #[must_use]
    pub fn is_automatic(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        let mut patterns = self.automatic.iter();
        match self.moderation {
            Moderation::None => true,
            Moderation::Manual => false,
            Moderation::Automatic => {
                patterns.any(|pattern| matches(&pattern.trim().to_lowercase(), &address))
            }
        }
    }
}

/// Whether a whole text fits a pattern in which `*` stands for any characters.
/// Steps back to the last star only, so that no pattern takes long.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(c) if *c == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((after, tried)) => {
                    star = Some((after, tried + 1));
                    at = after;
                    from = tried + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_defaults_are_valid_and_let_nobody_in() {
        let section = SignUp::default();
        assert_eq!(section.check(), Ok(()));
        assert!(!section.allowed && !section.is_automatic("ada@example.org"));
        assert_eq!(serde_json::from_str::<SignUp>("{}").unwrap(), section);
    }

    #[test]
    fn patterns_fit_whole_addresses() {
        for (pattern, address, fits) in [
            ("*@example.org", "ada@example.org", true),
            ("*@example.org", "Ada@Example.ORG", true),
            ("*@EXAMPLE.org", "ada@example.org", true),
            ("*@example.org", "ada@example.org.evil.example", false),
            ("*@example.org", "ada@exampleXorg", false),
            ("*@example.org", "ada@sub.example.org", false),
            ("*@*.example.org", "ada@sub.example.org", true),
            ("*@*.example.org", "ada@evilexample.org", false),
            ("ada@example.org", "ada@example.org", true),
            ("ada@example.org", "xada@example.org", false),
            ("*", "ada@example.org", true),
            ("a*a*@*e*", "ada@example.org", true),
            ("*b", "ab@a", false),
        ] {
            let section = SignUp {
                moderation: Moderation::Automatic,
                automatic: vec![pattern.to_owned()],
                ..SignUp::default()
            };
            assert_eq!(section.is_automatic(address), fits, "{pattern} {address}");
        }
    }

    #[test]
    fn what_would_let_anybody_in_is_refused() {
        let wrong = |change: fn(&mut SignUp)| {
            let mut section = SignUp::default();
            change(&mut section);
            section.check().unwrap_err().field
        };
        assert_eq!(wrong(|s| s.kind = UserType::Admin), "type");
        assert_eq!(wrong(|s| s.kind = UserType::Operator), "type");
        assert_eq!(wrong(|s| s.moderation = Moderation::Automatic), "automatic");
        let unverified = |s: &mut SignUp| {
            s.moderation = Moderation::Automatic;
            s.automatic = vec!["*@example.org".to_owned()];
            s.verify_email = false;
        };
        assert_eq!(wrong(unverified), "verify_email");
        assert_eq!(wrong(|s| s.automatic = vec![" ".to_owned()]), "automatic");
        assert!(serde_json::from_str::<SignUp>(r#"{"alowed": true}"#).is_err());
    }

    proptest! {
        #[test]
        fn stars_stand_for_anything(before in "[a-z*]{0,6}", middle in ".{0,12}", after in "[a-z*]{0,6}") {
            let text = format!("{}{middle}{}", before.replace('*', "x"), after.replace('*', "y"));
            let pattern = format!("{before}*{after}");
            prop_assert!(matches(&pattern, &text));
        }
    }
}
