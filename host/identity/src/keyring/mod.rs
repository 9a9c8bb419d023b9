//! Signing keys, and the tokens they sign: JWTs (RFC 7519) that each say for
//! whom they are, so that a ticket for one purpose is worthless for another.

mod key;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use jsonwebtoken::{Header, Validation};
use muster_api::config::tokens::{Algorithm, Tokens};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use key::Key;
pub use key::{KeyRecord, PublicKey};

/// No token is signed for longer, so that a key that retired may be deleted
/// after so long.
pub const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How far the clocks of two hosts may be apart.
const LEEWAY: Duration = Duration::from_secs(5);
/// How long another host may go on signing with a key that retired, until it
/// has heard of it.
const HANDOVER: Duration = Duration::from_secs(3600);
/// Tokens of Muster are below 2 KiB; nothing longer is even decoded.
const MAX_TOKEN: usize = 8 << 10;
const TYPE: &str = "JWT";
/// The claims that this module writes and checks; the others are the
/// caller's.
const REGISTERED: [&str; 6] = ["iss", "aud", "iat", "nbf", "exp", "jti"];

/// Why there is no key ring, or nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A key cannot be used.
    #[error("the signing key {kid} cannot be used: {problem}")]
    BadKey {
        /// Its name.
        kid: String,
        /// Why not.
        problem: String,
    },
    /// A key cannot be made.
    #[error("a signing key cannot be made: {0}")]
    Generate(String),
    /// There is no key that signs, of an algorithm that is accepted.
    #[error("there is no signing key for the configured algorithms; rotate the keys")]
    NoKey,
    /// A token cannot be signed.
    #[error("a token cannot be signed: {0}")]
    Sign(String),
}

/// Why a token was refused. For logs: whoever showed the token is told only
/// that it is no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no JWT of the kind that is signed here.
    #[error("it is no token: {0}")]
    Malformed(&'static str),
    /// No key has its `kid`, or that key's time is over. Another host may have
    /// made the key just now: read the keys again, at most every few seconds.
    #[error("it is signed by a key that is not known")]
    UnknownKey,
    /// Its algorithm is not its key's, or not accepted.
    #[error("it is signed with another algorithm than its key's")]
    Algorithm,
    /// Its signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// It is from somebody else.
    #[error("it is from another issuer")]
    Issuer,
    /// It is for something else.
    #[error("it is for another purpose")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time is yet to come.
    #[error("it is not valid yet")]
    NotYet,
    /// Its claims are not those that are expected.
    #[error("its claims are wrong: {0}")]
    Claims(String),
}

/// A token that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    /// What it says.
    pub claims: T,
    /// Its own name (`jti`), by which one that works once is remembered.
    pub id: Uuid,
    /// When it was signed.
    pub issued_at: OffsetDateTime,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// What a rotation is: to be stored in one transaction, and the ring built
/// anew from what is stored then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The key that signs from now on.
    pub new: KeyRecord,
    /// The keys that stop signing, with their times filled in. They go on
    /// verifying until every token they signed has expired.
    pub retired: Vec<KeyRecord>,
    /// Names of keys whose time is over, to be deleted.
    pub over: Vec<String>,
}

/// Signing keys at work. Made anew from the stored records when they or the
/// configuration change.
pub struct KeyRing {
    keys: BTreeMap<String, Key>,
    config: Tokens,
    /// Who tokens may say they are from beside the one that signs.
    earlier: Vec<String>,
}

impl KeyRing {
    fn issuer(&self) -> &str {
        self.config.issuer.as_deref().unwrap_or_default()
    }

    /// Who tokens may say they are from; first the one that new ones are from.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let mut all = vec![self.issuer().to_owned()];
        all.extend_from_slice(&self.earlier);
        all
    }

    /// Accepts tokens that are from one of these as well; of many, the first.
    pub fn also_from(&mut self, issuers: Vec<String>) {
        const MOST: usize = 8;
        let own = self.issuer().to_owned();
        self.earlier = issuers
            .into_iter()
            .filter(|issuer| *issuer != own)
            .take(MOST)
            .collect();
    }

    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::BadKey`].
    pub fn new(records: &[KeyRecord], config: &Tokens) -> Result<Self, KeyRingError> {
        let keys = records
            .iter()
            .map(|record| Ok((record.kid.clone(), Key::read(record)?)))
            .collect::<Result<_, KeyRingError>>()?;
        Ok(Self {
            keys,
            config: config.clone(),
            earlier: Vec::new(),
        })
    }

    /// Signs claims for an audience, with the newest key that signs. `claims`
    /// serialise to an object without the members that are set here: `iss`,
    /// `aud`, `iat`, `nbf`, `exp` and `jti`.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::NoKey`], or [`KeyRingError::Sign`] for other claims and
    /// for lives of nothing or beyond [`LONGEST_LIFE`].
    pub fn sign<T: Serialize>(
        &self,
        audience: &str,
        life: Duration,
        now: OffsetDateTime,
        claims: &T,
    ) -> Result<String, KeyRingError> {
        let failed = |problem: &str| KeyRingError::Sign(problem.to_owned());
        if life < Duration::from_secs(1) || life > LONGEST_LIFE {
            return Err(failed("tokens live from a second to a week"));
        }
        let key = self.signing_key(now).ok_or(KeyRingError::NoKey)?;
        let claims = serde_json::to_value(claims).map_err(|error| failed(&error.to_string()))?;
        let Value::Object(mut claims) = claims else {
            return Err(failed("claims must be an object"));
        };
        if let Some(name) = REGISTERED.iter().find(|name| claims.contains_key(**name)) {
            return Err(failed(&format!("the claim '{name}' is not the caller's")));
        }
        let issued = now.unix_timestamp();
        let expires = issued.saturating_add_unsigned(life.as_secs());
        claims.insert("iss".into(), self.issuer().into());
        claims.insert("aud".into(), audience.into());
        claims.insert("iat".into(), issued.into());
        claims.insert("nbf".into(), issued.into());
        claims.insert("exp".into(), expires.into());
        claims.insert("jti".into(), Uuid::now_v7().to_string().into());
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(key.record.kid.clone()),
            ..Header::new(jwt(key.record.algorithm))
        };
        jsonwebtoken::encode(&header, &claims, &key.encoding)
            .map_err(|error| failed(&error.to_string()))
    }

    /// Verifies a token for an audience and gives its claims. Nothing in the
    /// token decides how it is verified: its key is looked up among those that
    /// are known, and the key says by which algorithm.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
        now: OffsetDateTime,
    ) -> Result<Verified<T>, TokenError> {
        let key = self.key_of(token, now)?;
        let mut validation = Validation::new(jwt(key.record.algorithm));
        // Times and names are checked below, by the caller's clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenError::Signature,
                _ => TokenError::Malformed("it cannot be decoded"),
            })?
            .claims;
        self.accept(claims, audience, now)
    }

    /// The key that a token names, if it may be verified by it.
    fn key_of(&self, token: &str, now: OffsetDateTime) -> Result<&Key, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed("it is too long"));
        }
        if token.split('.').count() != 3 {
            return Err(TokenError::Malformed("it does not have three parts"));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| TokenError::Malformed("its header cannot be read"))?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::Malformed("it is of another type"));
        }
        if header.crit.is_some() {
            return Err(TokenError::Malformed("it has extensions"));
        }
        let kid = header.kid.ok_or(TokenError::Malformed("it names no key"))?;
        let key = self
            .keys
            .get(&kid)
            .filter(|key| key.record.verifies_at(now))
            .ok_or(TokenError::UnknownKey)?;
        let algorithm = key.record.algorithm;
        if header.alg != jwt(algorithm) || !self.config.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        Ok(key)
    }

    /// Checks the claims that every token has, and reads the caller's.
    fn accept<T: DeserializeOwned>(
        &self,
        mut claims: Map<String, Value>,
        audience: &str,
        now: OffsetDateTime,
    ) -> Result<Verified<T>, TokenError> {
        let missing = |name| TokenError::Claims(format!("'{name}' is missing or of another type"));
        let mut take = |name| claims.remove(name).ok_or_else(|| missing(name));
        let time = |name, value: Value| {
            let seconds = value.as_i64().ok_or_else(|| missing(name))?;
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| missing(name))
        };
        let from = take("iss")?;
        let from = from.as_str().filter(|from| !from.is_empty());
        let known =
            |from: &str| from == self.issuer() || self.earlier.iter().any(|known| known == from);
        if !from.is_some_and(known) {
            return Err(TokenError::Issuer);
        }
        if take("aud")?.as_str() != Some(audience) {
            return Err(TokenError::Audience);
        }
        let expires_at = time("exp", take("exp")?)?;
        let not_before = time("nbf", take("nbf")?)?;
        let issued_at = time("iat", take("iat")?)?;
        let id = take("jti")?;
        let id = id.as_str().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| missing("jti"))?;
        if now - LEEWAY >= expires_at {
            return Err(TokenError::Expired);
        }
        if not_before > now + LEEWAY || issued_at > now + LEEWAY {
            return Err(TokenError::NotYet);
        }
        let claims = serde_json::from_value(Value::Object(claims))
            .map_err(|error| TokenError::Claims(error.to_string()))?;
        Ok(Verified {
            claims,
            id,
            issued_at,
            expires_at,
        })
    }

    /// What `/.well-known/jwks.json` shows: the public part of every key that
    /// verifies, newest first.
    pub fn jwks(&self, now: OffsetDateTime) -> Value {
        let mut keys: Vec<_> = self
            .keys
            .values()
            .filter(|key| key.record.verifies_at(now))
            .filter(|key| self.config.algorithms.contains(&key.record.algorithm))
            .collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.record.created_at));
        let keys: Vec<_> = keys.into_iter().map(|key| &key.public).collect();
        serde_json::json!({ "keys": keys })
    }

    /// Whether it is time to rotate: the newest key is as old as is allowed,
    /// is not of the first configured algorithm, or there is none.
    pub fn rotation_due(&self, now: OffsetDateTime) -> bool {
        let wanted = self.config.algorithms.first();
        self.signing_key(now).is_none_or(|key| {
            Some(&key.record.algorithm) != wanted
                || now - key.record.created_at >= Duration::from(self.config.rotate_every)
        })
    }

    /// Plans a rotation: a new key of the first configured algorithm, and
    /// until when the others go on verifying. Changes nothing by itself.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn rotate(&self, now: OffsetDateTime) -> Result<Rotation, KeyRingError> {
        let algorithm = *self.config.algorithms.first().ok_or(KeyRingError::NoKey)?;
        let records = || self.keys.values().map(|key| &key.record);
        let retired = records()
            .filter(|record| record.retired_at.is_none() || record.not_after.is_none())
            .map(|record| {
                let retired_at = record.retired_at.unwrap_or(now);
                KeyRecord {
                    retired_at: Some(retired_at),
                    not_after: Some(retired_at.max(now) + LONGEST_LIFE + HANDOVER),
                    ..record.clone()
                }
            })
            .collect();
        let over = records()
            .filter(|record| !record.verifies_at(now))
            .map(|record| record.kid.clone())
            .collect();
        Ok(Rotation {
            new: KeyRecord::generate(algorithm, now)?,
            retired,
            over,
        })
    }

    fn signing_key(&self, now: OffsetDateTime) -> Option<&Key> {
        self.keys
            .values()
            .filter(|key| key.record.signs_at(now))
            .filter(|key| self.config.algorithms.contains(&key.record.algorithm))
            .max_by_key(|key| (key.record.created_at, &key.record.kid))
    }
}

fn jwt(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
    }
}
