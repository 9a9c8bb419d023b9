//! All that the console says, in each of its languages.

/// The languages there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag, as browsers write it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The one that a browser's tag means, such as `de-AT`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let first = tag.split('-').next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(first))
    }
}

macro_rules! texts {
    ($($key:ident: $english:literal, $german:literal;)*) => {
        /// What can be said.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the texts say it")]
        pub enum Text {
            $($key,)*
        }

        impl Text {
            /// Everything.
            pub const ALL: &[Self] = &[$(Self::$key,)*];

            /// The text in a language. `{}` is where something goes in.
            #[must_use]
            pub fn say(self, language: Language) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$key, Language::English) => $english,
                        (Self::$key, Language::German) => $german,
                    )*
                }
            }
        }
    };
}

/// Puts values into a text, one for each `{}`.
#[must_use]
pub fn fill(text: &str, values: &[&str]) -> String {
    let mut parts = text.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (number, part) in parts.enumerate() {
        filled.push_str(values.get(number).copied().unwrap_or_default());
        filled.push_str(part);
    }
    filled
}

include!("texts.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_say_the_same() {
        for text in Text::ALL {
            let gaps = |language| text.say(language).matches("{}").count();
            assert_eq!(gaps(Language::English), gaps(Language::German), "{text:?}");
            assert!(
                Language::ALL
                    .iter()
                    .all(|language| !text.say(*language).is_empty())
            );
        }
    }

    #[test]
    fn browsers_languages_are_understood() {
        assert_eq!(Language::of_tag("de-AT"), Some(Language::German));
        assert_eq!(Language::of_tag("EN"), Some(Language::English));
        assert_eq!(Language::of_tag("fr"), None);
    }

    #[test]
    fn values_go_into_their_places() {
        assert_eq!(fill("{} of {}", &["1", "2"]), "1 of 2");
        assert_eq!(fill("none", &["1"]), "none");
        assert_eq!(fill("{} {}", &["1"]), "1 ");
    }
}
