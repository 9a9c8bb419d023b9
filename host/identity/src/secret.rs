//! Secrets that programs keep: access keys, refresh tokens, codes in links.
//! Each is 256 random bits behind a prefix that says what it is, so that
//! scanners of source code and logs find the ones that leaked.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::config::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The secret of an access key.
    AccessKey,
    /// A refresh token.
    RefreshToken,
    /// An authorization code of OAuth.
    AuthorizationCode,
    /// A device code of OAuth.
    DeviceCode,
    /// The cookie of a browser's session.
    Session,
    /// The code in a link that was sent by mail.
    Link,
    /// Something that is half done, such as registering a passkey.
    Ticket,
    /// A secret that a proxy or another service shows to Muster.
    Shared,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::AccessKey,
        Self::RefreshToken,
        Self::AuthorizationCode,
        Self::DeviceCode,
        Self::Session,
        Self::Link,
        Self::Ticket,
        Self::Shared,
    ];

    /// What secrets of this kind begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AccessKey => "muster_key_",
            Self::RefreshToken => "muster_rt_",
            Self::AuthorizationCode => "muster_ac_",
            Self::DeviceCode => "muster_dc_",
            Self::Session => "muster_s_",
            Self::Link => "muster_ln_",
            Self::Ticket => "muster_tk_",
            Self::Shared => "muster_sh_",
        }
    }

    /// What a text claims to be. Says nothing about whether it is any good.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessKey => "access key",
            Self::RefreshToken => "refresh token",
            Self::AuthorizationCode => "authorization code",
            Self::DeviceCode => "device code",
            Self::Session => "session",
            Self::Link => "link",
            Self::Ticket => "ticket",
            Self::Shared => "shared secret",
        })
    }
}

/// A new secret: what its owner gets, once, and what is kept.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Prefix and 43 characters of base64url.
    pub text: Secret,
    /// What is stored: [`digest`] of the text.
    pub digest: String,
}

/// Makes a secret.
pub fn issue(kind: Kind) -> Issued {
    let random = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let text = format!("{}{random}", kind.prefix());
    let digest = digest(&text);
    Issued {
        text: Secret::new(text),
        digest,
    }
}

/// What is stored of a secret, in base64url: its SHA-256. A slow hash would
/// gain nothing, since nobody guesses 256 random bits; and a digest can be
/// looked up by an index, which reveals nothing about the text.
pub fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// Whether a text has this digest. Takes as long whatever the text is.
pub fn matches(text: &str, stored: &str) -> bool {
    digest(text).as_bytes().ct_eq(stored.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_matches_its_own_digest_alone() {
        let (one, other) = (issue(Kind::AccessKey), issue(Kind::AccessKey));
        assert!(matches(one.text.expose(), &one.digest));
        assert!(!matches(other.text.expose(), &one.digest));
        assert!(!matches("", &one.digest));
        assert!(!matches(one.text.expose(), ""));
        assert!(!matches(&one.digest, &one.digest));
    }

    #[test]
    fn secrets_have_256_random_bits_behind_a_prefix_of_their_own() {
        let mut prefixes = HashSet::new();
        for kind in Kind::ALL {
            let text = issue(kind).text;
            let random = text.expose().strip_prefix(kind.prefix()).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
            assert_eq!(Kind::of(text.expose()), Some(kind));
            assert!(prefixes.insert(kind.prefix()));
        }
    }

    #[test]
    fn no_secret_comes_twice() {
        let made: HashSet<_> = (0..1_000).map(|_| issue(Kind::Link).digest).collect();
        assert_eq!(made.len(), 1_000);
    }

    #[test]
    fn what_is_logged_shows_no_secret() {
        let issued = issue(Kind::RefreshToken);
        assert!(!format!("{issued:?}").contains(issued.text.expose()));
    }

    proptest! {
        #[test]
        fn any_change_breaks_the_match(at in 0usize..50, to in "[a-zA-Z0-9_-]") {
            let issued = issue(Kind::AccessKey);
            let mut text = issued.text.expose().to_owned();
            let at = at.min(text.len() - 1);
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert!(!matches(&text, &issued.digest));
        }

        #[test]
        fn anything_may_be_asked_for(text in ".*", stored in ".*") {
            prop_assert!(!matches(&text, &stored));
        }
    }
}
