//! PEM, read by rustls and written here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::PeeringError;

/// Most bytes of PEM that are looked at: a dozen certificates and a key.
pub const LONGEST: usize = 64 << 10;

/// The PEM of a certificate.
pub fn certificate(der: &CertificateDer<'_>) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so that every place is between two characters.
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// All certificates of a PEM, in their order. Other sections are passed over.
pub fn certificates(
    text: &str,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, PeeringError> {
    if text.len() > LONGEST {
        return Err(PeeringError::Pem {
            what,
            why: format!("it is longer than {LONGEST} bytes"),
        });
    }
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| PeeringError::Pem {
            what,
            why: error.to_string(),
        })
}
