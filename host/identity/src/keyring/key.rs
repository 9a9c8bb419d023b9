//! One signing key: as it is made, kept and published.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding,
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use muster_api::config::{Secret, tokens::Algorithm};
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::KeyRingError;

/// A signing key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its name in the header of tokens: its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The private key, as PKCS#8 in PEM.
    pub pem: Secret,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stopped signing. None: it signs.
    pub retired_at: Option<OffsetDateTime>,
    /// When it stops verifying and may be deleted. None: not decided yet.
    pub not_after: Option<OffsetDateTime>,
}

/// The public part of a key as it is published, in a JWK set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// Key type: `OKP` or `EC`.
    pub kty: &'static str,
    /// Curve: `Ed25519` or `P-256`.
    pub crv: &'static str,
    /// The point, or its first coordinate, in base64url.
    pub x: String,
    /// The second coordinate, for P-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The algorithm of its signatures.
    pub alg: Algorithm,
    /// Its name in the header of tokens.
    pub kid: String,
}

/// A key that was read and can be used.
pub(super) struct Key {
    pub(super) record: KeyRecord,
    pub(super) public: PublicKey,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl KeyRecord {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// If it cannot be written as PEM.
    pub fn generate(algorithm: Algorithm, now: OffsetDateTime) -> Result<Self, KeyRingError> {
        let failed = |error: &dyn std::fmt::Display| KeyRingError::Generate(error.to_string());
        let (pem, public) = match algorithm {
            Algorithm::EdDsa => {
                let key = ed25519_dalek::SigningKey::from_bytes(&rand::random());
                let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(&e))?;
                (pem, ed25519(&key))
            }
            Algorithm::Es256 => {
                let key = random_p256();
                let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(&e))?;
                (pem, p256(&key))
            }
        };
        Ok(Self {
            kid: public.kid,
            algorithm,
            pem: Secret::new(pem.as_str()),
            created_at: now,
            retired_at: None,
            not_after: None,
        })
    }

    /// Whether it still verifies.
    pub fn verifies_at(&self, now: OffsetDateTime) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }

    /// Whether it still signs.
    pub fn signs_at(&self, now: OffsetDateTime) -> bool {
        self.retired_at.is_none_or(|end| now < end) && self.verifies_at(now)
    }
}

impl Key {
    /// Reads a key and checks that it is what its record says.
    pub(super) fn read(record: &KeyRecord) -> Result<Self, KeyRingError> {
        let bad = |problem: &str| KeyRingError::BadKey {
            kid: record.kid.clone(),
            problem: problem.to_owned(),
        };
        let pem = record.pem.expose();
        let unreadable = "it is no PKCS#8 private key of its algorithm in PEM";
        let (public, encoding, decoding) = match record.algorithm {
            Algorithm::EdDsa => {
                let key =
                    ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map_err(|_| bad(unreadable))?;
                let der = key.to_pkcs8_der().map_err(|_| bad(unreadable))?;
                (
                    ed25519(&key),
                    EncodingKey::from_ed_der(der.as_bytes()),
                    DecodingKey::from_ed_der(key.verifying_key().as_bytes()),
                )
            }
            Algorithm::Es256 => {
                let key = p256::SecretKey::from_pkcs8_pem(pem).map_err(|_| bad(unreadable))?;
                let der = key.to_pkcs8_der().map_err(|_| bad(unreadable))?;
                (
                    p256(&key),
                    EncodingKey::from_ec_der(der.as_bytes()),
                    DecodingKey::from_ec_der(&key.public_key().to_sec1_bytes()),
                )
            }
        };
        if public.kid != record.kid {
            return Err(bad("its name is not its thumbprint"));
        }
        Ok(Self {
            record: record.clone(),
            public,
            encoding,
            decoding,
        })
    }
}

/// Nearly every 32 bytes are a key; those that are none are drawn again.
fn random_p256() -> p256::SecretKey {
    loop {
        if let Ok(key) = p256::SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
            return key;
        }
    }
}

fn ed25519(key: &ed25519_dalek::SigningKey) -> PublicKey {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    // The members that RFC 8037 names, in lexical order.
    let kid = thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    PublicKey {
        kty: "OKP",
        crv: "Ed25519",
        x,
        y: None,
        usage: "sig",
        alg: Algorithm::EdDsa,
        kid,
    }
}

fn p256(key: &p256::SecretKey) -> PublicKey {
    // An uncompressed point: 4, then both coordinates of 32 bytes.
    let point = key.public_key().to_sec1_bytes();
    let (x, y) = point[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let kid = thumbprint(&format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#
    ));
    PublicKey {
        kty: "EC",
        crv: "P-256",
        x,
        y: Some(y),
        usage: "sig",
        alg: Algorithm::Es256,
        kid,
    }
}

fn thumbprint(members: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_the_rfc_is_met() {
        // RFC 8037, appendix A.3: the key of RFC 8032's first test vector.
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap());
        let public = ed25519(&key);
        assert_eq!(public.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_reads_back_as_what_it_was() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let record = KeyRecord::generate(algorithm, OffsetDateTime::UNIX_EPOCH).unwrap();
            assert!(
                record
                    .pem
                    .expose()
                    .starts_with("-----BEGIN PRIVATE KEY-----")
            );
            assert_eq!(Key::read(&record).unwrap().public.kid, record.kid);
        }
    }

    #[test]
    fn a_record_that_does_not_fit_its_key_is_refused() {
        let ed = KeyRecord::generate(Algorithm::EdDsa, OffsetDateTime::UNIX_EPOCH).unwrap();
        let ec = KeyRecord::generate(Algorithm::Es256, OffsetDateTime::UNIX_EPOCH).unwrap();
        let renamed = KeyRecord {
            kid: ec.kid.clone(),
            ..ed.clone()
        };
        let swapped = KeyRecord {
            algorithm: Algorithm::Es256,
            ..ed.clone()
        };
        let broken = KeyRecord {
            pem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into(),
            ..ec
        };
        for record in [renamed, swapped, broken] {
            assert!(matches!(
                Key::read(&record),
                Err(KeyRingError::BadKey { .. })
            ));
        }
        assert!(Key::read(&ed).is_ok());
    }

    #[test]
    fn what_is_logged_or_published_has_no_private_part() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let record = KeyRecord::generate(algorithm, OffsetDateTime::UNIX_EPOCH).unwrap();
            assert!(!format!("{record:?}").contains("PRIVATE"));
            let public = serde_json::to_value(Key::read(&record).unwrap().public).unwrap();
            assert!(public.get("d").is_none());
            assert_eq!(public["use"], "sig");
            assert_eq!(public["alg"], algorithm.to_string());
        }
    }
}
