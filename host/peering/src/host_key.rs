//! The key of a host, which it has for life.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use uuid::Uuid;

use crate::{PeeringError, Pin, certificate, pem};

/// The kind of all keys here: P-256, which every tool reads that an operator
/// may want to look at a certificate with.
pub(crate) static ALGORITHM: &SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

const WHAT: &str = "a host's key";

/// The private key of a host. Every host makes its own and never shows it:
/// together with the host's UUID it is who the host is.
#[derive(Debug)]
pub struct HostKey(KeyPair);

impl HostKey {
    /// Makes a key.
    pub fn generate() -> Result<Self, PeeringError> {
        Ok(Self(KeyPair::generate_for(ALGORITHM)?))
    }

    /// Reads what [`Self::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, PeeringError> {
        key_of_pem(text, WHAT).map(Self)
    }

    /// The key as PKCS #8. It belongs into a file that its owner alone may
    /// read.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// A request for a certificate, in DER: the public key, signed by this one.
    /// The host's name in it is for people who look at it.
    pub fn csr(&self, host: Uuid) -> Result<Vec<u8>, PeeringError> {
        let mut params = CertificateParams::new(vec![certificate::host_name(host)])?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.0)?.der().to_vec())
    }

    /// What the host is known by; the same that its certificates show.
    pub fn fingerprint(&self) -> Pin {
        Pin::of_public_key(&self.0.subject_public_key_info())
    }

    /// The key as rustls takes it.
    pub(crate) fn der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.0.serialize_der().into())
    }
}

/// The one key in a PEM, which may have certificates beside it.
pub(crate) fn key_of_pem(text: &str, what: &'static str) -> Result<KeyPair, PeeringError> {
    let wrong = |why: String| PeeringError::Pem { what, why };
    if text.len() > pem::LONGEST {
        return Err(wrong(format!("it is longer than {} bytes", pem::LONGEST)));
    }
    let key =
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    KeyPair::from_der_and_sign_algo(&key, ALGORITHM).map_err(|error| wrong(error.to_string()))
}
