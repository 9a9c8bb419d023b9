//! What an entry of a directory says. Names of attributes are the same in
//! upper and lower case.

use std::fmt::Write;

use ldap3::SearchEntry;

/// The attribute's values that are text.
pub fn texts<'a>(entry: &'a SearchEntry, name: &str) -> impl Iterator<Item = &'a str> {
    entry
        .attrs
        .iter()
        .filter(move |(attribute, _)| attribute.eq_ignore_ascii_case(name))
        .flat_map(|(_, values)| values.iter().map(String::as_str))
        .filter(|value| !value.trim().is_empty())
}

/// The attribute's first value.
pub fn text<'a>(entry: &'a SearchEntry, name: &str) -> Option<&'a str> {
    texts(entry, name).next()
}

/// The value that is what was entered but for upper and lower case, else the
/// first.
pub fn closest<'a>(entry: &'a SearchEntry, name: &str, entered: &str) -> Option<&'a str> {
    let entered = entered.to_lowercase();
    texts(entry, name)
        .find(|value| value.to_lowercase() == entered)
        .or_else(|| text(entry, name))
}

/// The attribute's one value; bytes that are no text, such as those of an
/// `objectGUID`, as hexadecimal digits.
pub fn identifier(entry: &SearchEntry, name: &str) -> Option<String> {
    let binary = entry
        .bin_attrs
        .iter()
        .filter(|(attribute, _)| attribute.eq_ignore_ascii_case(name))
        .flat_map(|(_, values)| values.iter().map(Vec::as_slice));
    let mut values = texts(entry, name).map(str::as_bytes).chain(binary);
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    match std::str::from_utf8(value) {
        // Bytes may be UTF-8 by chance.
        Ok(text) if !text.contains(char::is_control) => Some(text.to_owned()),
        _ => Some(value.iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn entry(texts: &[(&str, &[&str])], binary: &[(&str, &[&[u8]])]) -> SearchEntry {
        SearchEntry {
            dn: "uid=ada".to_owned(),
            attrs: texts
                .iter()
                .map(|(name, values)| {
                    let values = values.iter().map(|&value| value.to_owned()).collect();
                    ((*name).to_owned(), values)
                })
                .collect(),
            bin_attrs: binary
                .iter()
                .map(|(name, values)| {
                    let values = values.iter().map(|value| value.to_vec()).collect();
                    ((*name).to_owned(), values)
                })
                .collect::<HashMap<_, _>>(),
        }
    }

    #[test]
    fn names_are_the_same_in_upper_and_lower_case() {
        let entry = entry(&[("MAIL", &[" ", "ada@example.org"])], &[]);
        assert_eq!(text(&entry, "mail"), Some("ada@example.org"));
        assert_eq!(text(&entry, "cn"), None);
    }

    #[test]
    fn of_several_user_names_the_entered_one_is_taken() {
        let entry = entry(&[("uid", &["ada", "lovelace"])], &[]);
        assert_eq!(closest(&entry, "uid", "Lovelace"), Some("lovelace"));
        assert_eq!(closest(&entry, "uid", "x"), Some("ada"));
    }

    #[test]
    fn an_identifier_is_one_value() {
        let one = entry(&[("entryUUID", &["1-2"])], &[("guid", &[&[0, 0xff]])]);
        assert_eq!(identifier(&one, "entryuuid").as_deref(), Some("1-2"));
        assert_eq!(identifier(&one, "guid").as_deref(), Some("00ff"));
        assert_eq!(identifier(&one, "uid"), None);
        let chance = entry(&[("guid", &["ab\u{1}"])], &[]);
        assert_eq!(identifier(&chance, "guid").as_deref(), Some("616201"));
        let two = entry(&[("a", &["1", "2"])], &[("b", &[&[0xff], &[0xfe]])]);
        assert_eq!(identifier(&two, "a"), None);
        assert_eq!(identifier(&two, "b"), None);
    }
}
