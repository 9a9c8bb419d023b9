//! Secrets at rest: what has to be read again, and so cannot be kept as a hash,
//! is sealed with a key that lies apart from the database. Whoever gets a copy
//! of the database alone learns none of it.
//!
//! Each secret is sealed for a purpose, such as `totp.` and a user's id. It does
//! not open for another one, so that nobody who can write the database can put
//! one secret in the place of another.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::config::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// How many bytes the key has.
pub const KEY_LEN: usize = 32;

/// What sealed secrets begin with.
const PREFIX: &str = "sealed1.";

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with another key or for another purpose, or was changed.
    #[error(
        "the secret {purpose} does not open with this key; was the file of the key replaced, or the database brought from another host without it?"
    )]
    Closed {
        /// What it is for.
        purpose: String,
    },
    /// The cipher refuses, which it does not for what is short.
    #[error("the secret {purpose} cannot be sealed")]
    Unsealed {
        /// What it is for.
        purpose: String,
    },
}

/// Seals and opens. Clones share the key.
#[derive(Clone)]
pub struct Sealer(Arc<LessSafeKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// A sealer with a key of [`KEY_LEN`] random bytes. `None` if it has another
    /// length.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Seals a secret for a purpose. No two times it looks the same.
    ///
    /// # Errors
    /// [`SealError::Unsealed`] if it is longer than any secret.
    pub fn seal(&self, purpose: &str, secret: &str) -> Result<String, SealError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = secret.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose),
                &mut sealed,
            )
            .map_err(|_| SealError::Unsealed {
                purpose: purpose.to_owned(),
            })?;
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(whole)))
    }

    /// Opens what was sealed for that purpose.
    ///
    /// # Errors
    /// [`SealError::Closed`] if it was not, or not with this key.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Secret, SealError> {
        self.try_open(purpose, sealed)
            .ok_or_else(|| SealError::Closed {
                purpose: purpose.to_owned(),
            })
    }

    fn try_open(&self, purpose: &str, sealed: &str) -> Option<Secret> {
        let whole = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?;
        let (nonce, rest) = whole.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let open = self.0.open_in_place(nonce, Aad::from(purpose), &mut rest);
        let text = std::str::from_utf8(open.ok()?).ok()?;
        Some(Secret::new(text))
    }
}

/// Whether a text looks like a sealed secret.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&[byte; KEY_LEN]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_for_its_purpose() {
        let sealed = sealer(1).seal("totp.ada", "JBSWY3DP").unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("JBSWY3DP"));
        let open = sealer(1).open("totp.ada", &sealed).unwrap();
        assert_eq!(open.expose(), "JBSWY3DP");
        let other = sealer(1).seal("totp.ada", "JBSWY3DP").unwrap();
        assert_ne!(sealed, other);
        for (key, purpose) in [(1, "totp.bob"), (2, "totp.ada")] {
            let closed = sealer(key).open(purpose, &sealed).unwrap_err();
            assert!(
                matches!(closed, SealError::Closed { .. }),
                "{key} {purpose}"
            );
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealed = sealer(1).seal("a", "secret").unwrap();
        for at in PREFIX.len()..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(sealer(1).open("a", &changed).is_err(), "{at}");
        }
        for bad in ["", "secret", PREFIX, "sealed1.AAAA", "sealed1.ü"] {
            assert!(sealer(1).open("a", bad).is_err(), "{bad}");
        }
        assert!(Sealer::new(&[0; 16]).is_none());
    }
}
