//! Text that must not be seen.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A password or key in the configuration. Debug output never has it.
/// Serialised it is plain, because that is how it is kept: whatever is shown
/// to anybody passes through [`Secret::mask`] first, and whatever comes back
/// through [`Secret::keep`].
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password, example = "********")]
pub struct Secret(String);

impl Secret {
    /// What is shown in place of a secret, and means "leave it as it is" when
    /// it is sent back.
    pub const MASK: &'static str = "********";

    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is [`Secret::MASK`]: what it stands for is elsewhere.
    pub fn is_mask(&self) -> bool {
        self.0 == Self::MASK
    }

    /// Hides the text behind [`Secret::MASK`]. An empty one stays empty, so
    /// that one sees that nothing was set.
    pub fn mask(&mut self) {
        if !self.is_empty() {
            Self::MASK.clone_into(&mut self.0);
        }
    }

    /// Puts `current` in place of a mask; anything else is a new secret and
    /// stays.
    pub fn keep(&mut self, current: &Self) {
        if self.is_mask() {
            self.0.clone_from(&current.0);
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { Self::MASK })
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        let shown = format!("{:?}", Some(Secret::from("hunter2")));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(format!("{:?}", Secret::default()), "\"\"");
    }

    #[test]
    fn a_mask_sent_back_keeps_what_was_set() {
        let current = Secret::from("hunter2");
        let mut sent = current.clone();
        sent.mask();
        assert_eq!(sent.expose(), Secret::MASK);
        sent.keep(&current);
        assert_eq!(sent, current);
    }

    #[test]
    fn a_new_text_replaces_what_was_set() {
        let mut sent = Secret::from("correct horse");
        sent.keep(&Secret::from("hunter2"));
        assert_eq!(sent.expose(), "correct horse");
        let mut emptied = Secret::default();
        emptied.keep(&Secret::from("hunter2"));
        assert!(emptied.is_empty());
    }

    #[test]
    fn nothing_set_stays_visible_as_nothing() {
        let mut nothing = Secret::default();
        nothing.mask();
        assert!(nothing.is_empty());
    }

    #[test]
    fn it_is_kept_as_plain_text() {
        let kept = serde_json::to_string(&Secret::from("hunter2")).unwrap();
        assert_eq!(kept, "\"hunter2\"");
        let read: Secret = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.expose(), "hunter2");
    }
}
