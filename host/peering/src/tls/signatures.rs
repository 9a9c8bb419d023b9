//! The part of a verifier that is the same for all: that the other end has the
//! key of the certificate that it shows.

use rustls::{
    DigitallySignedStruct, Error,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls13_signature},
    pki_types::CertificateDer,
};

pub fn tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("peers speak TLS 1.3 alone".to_owned()))
}

pub fn tls13(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature(
        message,
        certificate,
        signature,
        &provider.signature_verification_algorithms,
    )
}
