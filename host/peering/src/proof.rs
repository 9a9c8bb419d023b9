//! How a joiner shows that it has a link token's secret, without showing it.
//!
//! The proof is an HMAC-SHA-256 over the request for a certificate and over
//! the exporter of the very TLS connection that carries it (see
//! [`crate::tls::exporter`]). So it is good for one key on one connection:
//! whoever relays it to another connection has another exporter, and whoever
//! changes the request has another request.
//!
//! The leader does not keep the secret, but its SHA-256; and that hash is the
//! key of the HMAC, which both sides therefore have. This is sound because
//!
//! - the secret has 256 random bits, so that nobody comes from the hash back to
//!   the secret by guessing, and a slow hash would gain nothing;
//! - the hash by itself opens nothing that its place does not: it is enough to
//!   make a proof for the minutes that the token lives and until it is used,
//!   but whoever reads the leader's table stands before the authority's key as
//!   well, which needs no proofs;
//! - hash, proof and token are told apart by what they are hashed with, so
//!   that none of them can be passed off as another.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const KEY: &[u8] = b"muster link secret 1\0";
const PROOF: &[u8] = b"muster link proof 1\0";

/// What the leader keeps of a token's secret.
pub fn secret_hash(secret: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(KEY)
        .chain_update(secret)
        .finalize()
        .into()
}

/// The joiner's proof that it has the secret, for this connection and this
/// request for a certificate (in DER).
pub fn prove(secret: &[u8; 32], exporter: &[u8; 32], csr: &[u8]) -> [u8; 32] {
    mac(&secret_hash(secret), exporter, csr)
        .finalize()
        .into_bytes()
        .into()
}

/// Whether this proof was made with the secret whose hash is kept, for this
/// connection and this request. Takes as long whatever the proof is.
pub fn check(secret_hash: &[u8; 32], exporter: &[u8; 32], csr: &[u8], proof: &[u8]) -> bool {
    mac(secret_hash, exporter, csr).verify_slice(proof).is_ok()
}

fn mac(key: &[u8; 32], exporter: &[u8; 32], csr: &[u8]) -> Hmac<Sha256> {
    // Only the last part has no length of its own, so that the parts of two
    // different proofs never make the same bytes.
    Hmac::<Sha256>::new_from_slice(key)
        .expect("HMAC takes keys of any length")
        .chain_update(PROOF)
        .chain_update(exporter)
        .chain_update(csr)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_is_neither_the_secret_nor_its_bare_digest() {
        let secret = [7; 32];
        assert_ne!(secret_hash(&secret), secret);
        assert_ne!(
            secret_hash(&secret),
            <[u8; 32]>::from(Sha256::digest(secret))
        );
    }

    proptest! {
        #[test]
        fn a_proof_is_good_where_it_was_made(secret: [u8; 32], exporter: [u8; 32], csr: Vec<u8>) {
            let proof = prove(&secret, &exporter, &csr);
            prop_assert!(check(&secret_hash(&secret), &exporter, &csr, &proof));
        }

        #[test]
        fn a_proof_is_good_nowhere_else(
            secret: [u8; 32],
            exporter: [u8; 32],
            csr in prop::collection::vec(any::<u8>(), 1..80),
            at in 0usize..32,
            bit in 0u32..8,
        ) {
            let hash = secret_hash(&secret);
            let proof = prove(&secret, &exporter, &csr);
            let flip = |bytes: [u8; 32]| {
                let mut bytes = bytes;
                bytes[at] ^= 1 << bit;
                bytes
            };
            let mut other = csr.clone();
            let place = at % other.len();
            other[place] ^= 1 << bit;
            prop_assert!(!check(&hash, &flip(exporter), &csr, &proof));
            prop_assert!(!check(&hash, &exporter, &other, &proof));
            prop_assert!(!check(&hash, &exporter, &csr, &flip(proof)));
            prop_assert!(!check(&flip(hash), &exporter, &csr, &proof));
            prop_assert!(!check(&secret_hash(&flip(secret)), &exporter, &csr, &proof));
            prop_assert!(!check(&hash, &exporter, &csr, &proof[..at]));
        }
    }
}
