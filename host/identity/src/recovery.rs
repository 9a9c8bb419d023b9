//! Recovery codes: what somebody prints for the day when the phone is gone.
//! Each works once.

use muster_api::{config::Secret, id::UserId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How many codes somebody gets at a time.
pub const CODES: usize = 10;

/// Crockford's base32: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 80 bits: see [`digest`].
const LENGTH: usize = 16;
const GROUP: usize = 4;

/// A new set of codes: what its owner gets, once, and what is kept.
#[derive(Debug, Clone)]
pub struct Codes {
    /// Codes such as `7k2m-04qx-9tzb-c1hd`.
    pub texts: Vec<Secret>,
    /// What is stored of each, in the same order.
    pub digests: Vec<String>,
}

/// Makes a set of codes for a user. It replaces all earlier ones.
pub fn issue(user: UserId) -> Codes {
    let texts: Vec<_> = (0..CODES).map(|_| Secret::new(code())).collect();
    let digests = texts
        .iter()
        .map(|text| digest(user, &typed(text.expose()).unwrap_or_default()))
        .collect();
    Codes { texts, digests }
}

/// Finds the code that somebody typed among the stored digests and gives its
/// index, for the caller to strike it out. Takes as long whichever it is, and
/// if it is none.
pub fn find(user: UserId, text: &str, digests: &[String]) -> Option<usize> {
    let code = typed(text);
    let digest = digest(user, code.as_deref().unwrap_or_default());
    let mut found = None;
    for (index, stored) in digests.iter().enumerate() {
        if bool::from(digest.as_bytes().ct_eq(stored.as_bytes())) {
            found = Some(index);
        }
    }
    found.filter(|_| code.is_some())
}

fn code() -> String {
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (index, byte) in rand::random::<[u8; LENGTH]>().into_iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32: every character is as likely.
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    code
}

/// The characters of a code as people type it: in capitals, with or without
/// dashes and spaces, with letters that look like digits.
fn typed(text: &str) -> Option<String> {
    let mut code = String::with_capacity(LENGTH);
    for c in text.chars() {
        let c = match c.to_ascii_lowercase() {
            '-' | '\u{2010}'..='\u{2015}' | '_' => continue,
            c if c.is_whitespace() => continue,
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        };
        let known = u8::try_from(c).is_ok_and(|c| ALPHABET.contains(&c));
        if !known || code.len() == LENGTH {
            return None;
        }
        code.push(c);
    }
    (code.len() == LENGTH).then_some(code)
}

/// SHA-256 suffices: with 80 random bits a code withstands guessing even by
/// somebody who stole the database and computes 10^12 digests in a second,
/// for ten thousand years. The user's id is part of it, so that such a guess
/// counts against one user and not against all of them at once.
fn digest(user: UserId, code: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"muster recovery code\0");
    hash.update(user.0.as_bytes());
    hash.update(code.as_bytes());
    let mut digest = String::with_capacity(64);
    for byte in hash.finalize() {
        for digit in [byte >> 4, byte & 15] {
            digest.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const ADA: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    #[test]
    fn every_code_is_found_where_it_is() {
        let codes = issue(ADA);
        assert_eq!(codes.texts.len(), CODES);
        for (index, text) in codes.texts.iter().enumerate() {
            assert_eq!(find(ADA, text.expose(), &codes.digests), Some(index));
        }
    }

    #[test]
    fn a_code_that_was_struck_out_is_gone() {
        let mut codes = issue(ADA);
        codes.digests.remove(3);
        assert_eq!(find(ADA, codes.texts[3].expose(), &codes.digests), None);
    }

    #[test]
    fn nobody_uses_the_codes_of_another() {
        let codes = issue(ADA);
        assert_eq!(find(BOB, codes.texts[0].expose(), &codes.digests), None);
    }

    #[test]
    fn codes_are_easy_to_read_and_all_different() {
        let codes: HashSet<_> = (0..100)
            .flat_map(|_| issue(ADA).texts)
            .map(|text| text.expose().to_owned())
            .collect();
        assert_eq!(codes.len(), 100 * CODES);
        for code in codes {
            let groups: Vec<_> = code.split('-').collect();
            assert_eq!(groups.len(), LENGTH / GROUP, "{code}");
            assert!(groups.iter().all(|group| group.len() == GROUP), "{code}");
            assert!(!code.contains(['i', 'l', 'o', 'u']), "{code}");
        }
    }

    #[test]
    fn every_character_of_the_alphabet_comes() {
        let seen: HashSet<_> = (0..100)
            .flat_map(|_| code().into_bytes())
            .filter(|byte| *byte != b'-')
            .collect();
        assert_eq!(seen.len(), 32);
    }

    #[test]
    fn people_type_as_they_like() {
        let expected = typed("7k2m-04qx-91zb-c1hd");
        assert!(expected.is_some());
        for text in [
            "7K2M-04QX-91ZB-C1HD",
            "7k2m04qx91zbc1hd",
            " 7k2m 04qx\t91zb c1hd\n",
            "7k2m–O4qx–9Izb–clhd",
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_never_found() {
        let mut digests = issue(ADA).digests;
        // Not even if what is hashed in its place were stored.
        digests.push(digest(ADA, ""));
        for text in [
            "",
            "-",
            "7k2m-04qx-9tzb",
            "7k2m-04qx-9tzb-c1hd-0",
            "ｋk2m-04qx-9tzb-c1hd",
            "uuuu-uuuu-uuuu-uuuu",
        ] {
            assert_eq!(find(ADA, text, &digests), None, "{text}");
        }
    }

    #[test]
    fn what_is_logged_shows_no_code() {
        let codes = issue(ADA);
        let logged = format!("{codes:?}");
        assert!(
            codes
                .texts
                .iter()
                .all(|text| !logged.contains(text.expose()))
        );
    }

    proptest! {
        #[test]
        fn anything_may_be_typed(text in ".*", stored in proptest::collection::vec(".*", 0..4)) {
            prop_assert_eq!(find(ADA, &text, &stored), None);
        }

        #[test]
        fn a_typed_code_reads_the_same_again(text in "[0-9a-zA-Z -]{10,24}") {
            if let Some(code) = typed(&text) {
                prop_assert_eq!(typed(&code), Some(code));
            }
        }
    }
}
