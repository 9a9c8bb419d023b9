//! Search filters with places for what people enter.

use crate::sign_in::SignInError;

/// A filter such as `(uid={username})`. What is filled in is escaped as RFC
/// 4515 says, so that it can only ever be a value.
#[derive(Debug)]
pub struct Filter(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Word(String),
}

impl Filter {
    /// Takes a template apart. `setting` is what it is called, `words` are the
    /// words that may stand in braces; one of them must.
    ///
    /// # Errors
    /// If another word, or none, stands in braces, or if it is no filter.
    pub fn new(setting: &str, template: &str, words: &[&str]) -> Result<Self, SignInError> {
        let wrong = |what: String| SignInError::misconfigured(format!("{setting}: {what}"));
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (word, after) = after
                .split_once('}')
                .ok_or_else(|| wrong("a brace is not closed".to_owned()))?;
            if !words.contains(&word) {
                return Err(wrong(format!("{{{word}}} stands for nothing here")));
            }
            parts.push(Part::Text(text.to_owned()));
            parts.push(Part::Word(word.to_owned()));
            rest = after;
        }
        if parts.is_empty() {
            return Err(wrong(format!("it has no {{{}}}", words.join("} or {"))));
        }
        parts.push(Part::Text(rest.to_owned()));
        let filter = Self(parts);
        let sample: Vec<_> = words.iter().map(|&word| (word, "x")).collect();
        ldap3::parse_filter(filter.fill(&sample))
            .map_err(|_| wrong(format!("this is no filter: {template}")))?;
        Ok(filter)
    }

    /// The filter with its words replaced by values, in one pass: a value that
    /// looks like a word stays as it is.
    pub fn fill(&self, values: &[(&str, &str)]) -> String {
        let value = |word: &str| {
            let found = values.iter().find(|(name, _)| *name == word);
            found.map_or("", |(_, value)| value)
        };
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str().into(),
                Part::Word(word) => ldap3::ldap_escape(value(word)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ldap3::{
        asn1::{ASNTag, PL, StructureTag},
        parse_filter,
    };
    use proptest::prelude::*;

    use super::*;

    fn user(name: &str) -> String {
        Filter::new(
            "user_filter",
            "(&(objectClass=person)(uid={username}))",
            &["username"],
        )
        .unwrap()
        .fill(&[("username", name)])
    }

    #[test]
    fn what_people_enter_stays_a_value() {
        for (entered, filled) in [
            ("ada", "ada"),
            ("*", "\\2a"),
            ("a*", "a\\2a"),
            (")(uid=*", "\\29\\28uid=\\2a"),
            ("*)(|(uid=*))", "\\2a\\29\\28|\\28uid=\\2a\\29\\29"),
            ("ada\0", "ada\\00"),
            ("a\\2ab", "a\\5c2ab"),
            ("žofie 王", "žofie 王"),
            ("{username}", "{username}"),
        ] {
            assert_eq!(
                user(entered),
                format!("(&(objectClass=person)(uid={filled}))")
            );
        }
    }

    #[test]
    fn values_that_look_like_words_are_not_replaced_again() {
        let filter = Filter::new("f", "(&(a={dn})(b={username}))", &["dn", "username"]).unwrap();
        let filled = filter.fill(&[("dn", "{username}"), ("username", "{dn}")]);
        assert_eq!(filled, "(&(a={username})(b={dn}))");
    }

    #[test]
    fn templates_that_are_none_are_refused() {
        for template in [
            "",
            "(uid=ada)",
            "(uid={username)",
            "(uid={name})",
            "((uid={username})",
        ] {
            assert!(
                Filter::new("f", template, &["username"]).is_err(),
                "{template}"
            );
        }
    }

    proptest! {
        /// Whatever is entered, the filter is one conjunction of two
        /// comparisons, and the second compares with just what was entered.
        #[test]
        fn nothing_entered_changes_the_filter(entered in "\\PC*|[*()\\\\\0&|!=a]*") {
            const AND: u64 = 0;
            const EQUALS: u64 = 3;
            const TEXT: u64 = 4;
            let bytes = |text: &str| (TEXT, text.as_bytes().to_vec());
            let expected = (
                vec![AND, EQUALS, EQUALS],
                vec![bytes("objectClass"), bytes("person"), bytes("uid"), bytes(&entered)],
            );
            let mut found = (Vec::new(), Vec::new());
            collect(parse_filter(user(&entered)).unwrap().into_structure(), &mut found);
            prop_assert_eq!(found, expected);
        }
    }

    type Found = (Vec<u64>, Vec<(u64, Vec<u8>)>);

    /// The operators of a parsed filter, and its texts.
    fn collect(tag: StructureTag, found: &mut Found) {
        match tag.payload {
            PL::P(bytes) => found.1.push((tag.id, bytes)),
            PL::C(inner) => {
                found.0.push(tag.id);
                for tag in inner {
                    collect(tag, found);
                }
            }
        }
    }
}
