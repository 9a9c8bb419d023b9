//! Link tokens: what a leader gives out, and another host joins with.
//!
//! A token is `muster1.` and base64url of a JSON object followed by the first
//! six bytes of a SHA-256 over all of it. That checksum protects nothing (the
//! secret and the pins do); it lets a person be told that a token was cut off
//! or mistyped, instead of that it is unknown.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Pin, anchors, proof};

mod address;
#[cfg(test)]
mod tests;

const NAME: &str = "muster";
const VERSION: &str = "1";
const CHECKSUM: usize = 6;

/// The longest token that is looked at, in characters.
pub const LONGEST: usize = 8 << 10;
/// Most addresses in a token.
pub const MOST_ADDRESSES: usize = 16;
/// Most roles in a token.
pub const MOST_ROLES: usize = 32;
/// The longest name of a role, in bytes.
const LONGEST_ROLE: usize = 63;

/// What a host needs to join a leader. Its text form ([`fmt::Display`] and
/// [`FromStr`]) is a secret for as long as the token is good.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken {
    /// The cluster that it leads to.
    pub cluster: Uuid,
    /// The authorities, one of which signed the leader's certificate: 1 to
    /// [`anchors::MOST`].
    pub pins: Vec<Pin>,
    /// Where the leader may be reached, as `host:port`, all of which are
    /// tried: 1 to [`MOST_ADDRESSES`].
    pub addresses: Vec<String>,
    /// By what the leader finds the token.
    pub id: Uuid,
    /// What the joiner proves that it has.
    pub secret: [u8; 32],
    /// When it expires, to the second and by the leader's clock. Shown to
    /// people; judged by the leader alone.
    pub expires_at: OffsetDateTime,
    /// Roles that the new host should get; a hint. At most [`MOST_ROLES`].
    pub roles: Vec<String>,
}

impl LinkToken {
    /// What the leader keeps instead of the token.
    pub fn secret_hash(&self) -> [u8; 32] {
        proof::secret_hash(&self.secret)
    }

    /// Whether everything in it is within its bounds. A leader asks before it
    /// gives a token out; a text that is outside of them is no token.
    pub fn check(&self) -> Result<(), TokenError> {
        if self.pins.is_empty() || self.pins.len() > anchors::MOST {
            return Err(TokenError::Pins);
        }
        if self.addresses.is_empty() {
            return Err(TokenError::NoAddress);
        }
        if self.addresses.len() > MOST_ADDRESSES {
            return Err(TokenError::TooManyAddresses);
        }
        if let Some(bad) = self.addresses.iter().find(|text| !address::is_good(text)) {
            return Err(TokenError::Address(address::shown(bad)));
        }
        if self.roles.len() > MOST_ROLES || !self.roles.iter().all(|role| is_role(role)) {
            return Err(TokenError::Roles);
        }
        Ok(())
    }
}

/// Why a text is no link token. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not look like a token at all.
    #[error(
        "this is not a link token, which begins with \"muster1.\"; \
         `muster link token` on the leader makes one"
    )]
    NotAToken,
    /// It is of a version that this host does not know.
    #[error(
        "this link token is of version {0}, which this Muster does not know yet; \
         update this host, or make the token on a leader of this version"
    )]
    Newer(String),
    /// It was longer once, or a character of it is another one.
    #[error(
        "this link token was cut off or mistyped; copy all of it, from \"muster1.\" to its end"
    )]
    Damaged,
    /// It is longer than any token.
    #[error("this is longer than any link token ({LONGEST} characters); copy the token alone")]
    TooLong,
    /// It has no address.
    #[error("this link token has no address of a leader; make another one on the leader")]
    NoAddress,
    /// It has more addresses than can be tried.
    #[error("a link token has at most {MOST_ADDRESSES} addresses; name fewer on the leader")]
    TooManyAddresses,
    /// An address in it is none.
    #[error(
        "the address \"{0}\" in this link token is not of the form host:port; make another one on the leader"
    )]
    Address(String),
    /// It pins no authority, or too many.
    #[error(
        "a link token pins 1 to {} authorities; make another one on the leader",
        anchors::MOST
    )]
    Pins,
    /// It names too many roles, or something that is none.
    #[error(
        "a link token names at most {MOST_ROLES} roles, each in small letters, digits and dashes; make another one on the leader"
    )]
    Roles,
    /// It is whole, but does not say what a token has to say.
    #[error("this link token does not say what a token has to say; make another one on the leader")]
    Content,
}

/// What is inside of the base64.
#[derive(Serialize, Deserialize)]
struct Content {
    cluster: Uuid,
    pins: Vec<Pin>,
    addresses: Vec<String>,
    id: Uuid,
    secret: String,
    #[serde(with = "time::serde::timestamp")]
    expires_at: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
}

impl fmt::Display for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = Content {
            cluster: self.cluster,
            pins: self.pins.clone(),
            addresses: self.addresses.clone(),
            id: self.id,
            secret: URL_SAFE_NO_PAD.encode(self.secret),
            expires_at: self.expires_at,
            roles: self.roles.clone(),
        };
        let mut bytes = serde_json::to_vec(&content).map_err(|_| fmt::Error)?;
        let checksum = checksum(&bytes);
        bytes.extend(checksum);
        write!(f, "{NAME}{VERSION}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkToken")
            .field("cluster", &self.cluster)
            .field("id", &self.id)
            .field("addresses", &self.addresses)
            .field("pins", &self.pins)
            .field("expires_at", &self.expires_at)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl FromStr for LinkToken {
    type Err = TokenError;

    /// Reads a token. White space in it is what terminals and mails do to long
    /// lines, and does not count. Whether it has expired, only the leader says.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        // White space may come on top of the longest token, within reason.
        if text.len() > 2 * LONGEST {
            return Err(TokenError::TooLong);
        }
        let text: String = text.split_ascii_whitespace().collect();
        if text.len() > LONGEST {
            return Err(TokenError::TooLong);
        }
        let content = content(&text)?;
        let secret = URL_SAFE_NO_PAD
            .decode(&content.secret)
            .ok()
            .and_then(|secret| secret.try_into().ok())
            .ok_or(TokenError::Content)?;
        let token = Self {
            cluster: content.cluster,
            pins: content.pins,
            addresses: content.addresses,
            id: content.id,
            secret,
            expires_at: content.expires_at,
            roles: content.roles,
        };
        token.check()?;
        Ok(token)
    }
}

fn content(text: &str) -> Result<Content, TokenError> {
    let Some(rest) = text.strip_prefix(NAME) else {
        return Err(TokenError::NotAToken);
    };
    let Some((version, body)) = rest.split_once('.') else {
        let begun = rest.bytes().all(|byte| byte.is_ascii_digit());
        return Err(if begun {
            TokenError::Damaged
        } else {
            TokenError::NotAToken
        });
    };
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TokenError::NotAToken);
    }
    if version != VERSION {
        let shown = version.chars().take(8).collect();
        return Err(TokenError::Newer(shown));
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(body)
        .map_err(|_| TokenError::Damaged)?;
    let (json, sum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .ok_or(TokenError::Damaged)?;
    if checksum(json) != *sum {
        return Err(TokenError::Damaged);
    }
    serde_json::from_slice(json).map_err(|_| TokenError::Content)
}

fn checksum(json: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::new()
        .chain_update(b"muster link token 1\0")
        .chain_update(json)
        .finalize();
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&digest[..CHECKSUM]);
    sum
}

fn is_role(name: &str) -> bool {
    (1..=LONGEST_ROLE).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
