//! What a host with nothing but a link token believes of who answers.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{Distrust, identity::Seen, server_name, signatures};
use crate::{Pin, certificate};

#[derive(Debug)]
pub struct Verifier {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub fn new(pins: &[Pin], provider: Arc<CryptoProvider>) -> Self {
        Self {
            pins: pins.to_vec(),
            provider,
        }
    }

    /// The first certificate in the chain whose key is pinned. It is not a
    /// secret, so that anybody can show it: what counts is whether it signed
    /// the leaf, and whether the other end has the leaf's key.
    fn pinned<'a>(&self, chain: &'a [CertificateDer<'a>]) -> Option<&'a CertificateDer<'a>> {
        chain.iter().find(|shown| {
            certificate::read(shown).is_ok_and(|subject| self.pins.contains(&subject.pin))
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let distrust = |reason: Distrust| reason.into_tls();
        let authority = self
            .pinned(intermediates)
            .ok_or_else(|| distrust(Distrust::PinMismatch))?;
        let mut roots = RootCertStore::empty();
        roots
            .add(authority.clone().into_owned())
            .map_err(|_| distrust(Distrust::Invalid))?;
        let seen = Seen::read(leaf).map_err(|_| distrust(Distrust::Invalid))?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|_| distrust(Distrust::Invalid))?
            .verify_server_cert(
                leaf,
                // Nothing in between: the pinned authority itself signed it.
                &[],
                &server_name(seen.peer.host),
                ocsp_response,
                seen.moment(),
            )
            .map_err(|error| match error {
                // Whoever shows the pinned certificate with a leaf of another
                // authority has not got what was pinned.
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                    distrust(Distrust::PinMismatch)
                }
                _ => distrust(Distrust::Invalid),
            })
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::tls13(&self.provider, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
