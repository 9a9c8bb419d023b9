use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// A public key in short: the SHA-256 of its `SubjectPublicKeyInfo`. Of an
/// authority it is what a link token pins, of a host it is the fingerprint
/// that the host is known by. Written as 64 hexadecimal digits, the same that
/// `openssl pkey -pubin -outform DER | sha256sum` prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a public key, given as the DER of its `SubjectPublicKeyInfo`.
    pub fn of_public_key(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// A pin that was kept as bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// A text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits")]
pub struct NotAPin;

impl FromStr for Pin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotAPin);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

fn digit(digit: u8) -> Result<u8, NotAPin> {
    let value = char::from(digit).to_digit(16).ok_or(NotAPin)?;
    u8::try_from(value).map_err(|_| NotAPin)
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pin_is_the_digest_of_the_key() {
        assert_eq!(
            Pin::of_public_key(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    proptest! {
        #[test]
        fn pins_survive_being_written(bytes: [u8; 32]) {
            let pin = Pin::from_bytes(bytes);
            prop_assert_eq!(pin.to_string().parse(), Ok(pin));
            let json = serde_json::to_string(&pin).unwrap();
            prop_assert_eq!(serde_json::from_str::<Pin>(&json).unwrap(), pin);
        }

        #[test]
        fn other_texts_are_no_pins(text in ".{0,70}") {
            prop_assume!(text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            prop_assert_eq!(text.parse::<Pin>(), Err(NotAPin));
        }
    }
}
