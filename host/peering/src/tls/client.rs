//! What a host that dials a peer believes of who answers.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Distrust, identity::Seen, server_name};
use crate::{Anchors, PeeringError, Pin};

/// Who should answer.
#[derive(Debug)]
pub enum Expected {
    /// This host, with a leaf that had not ended when our own was issued.
    Host {
        host: Uuid,
        no_earlier_than: OffsetDateTime,
    },
    /// This host with this very key, whenever its leaf ended and whoever signed
    /// it: the key is known, so that a signature proves nothing more.
    Leader { host: Uuid, fingerprint: Pin },
}

#[derive(Debug)]
pub struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    expected: Expected,
}

impl Verifier {
    pub fn new(
        anchors: &Anchors,
        expected: Expected,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, PeeringError> {
        let chains = WebPkiServerVerifier::builder_with_provider(anchors.store()?, provider)
            .build()
            .map_err(|error| PeeringError::Crypto(error.to_string()))?;
        Ok(Self { chains, expected })
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
        let seen = Seen::read(leaf).map_err(|_| Distrust::Invalid.into_tls())?;
        let (expected, no_earlier_than) = match self.expected {
            Expected::Leader { host, fingerprint } => {
                let known = (seen.peer.host, seen.peer.fingerprint) == (host, fingerprint);
                return match known {
                    true => Ok(ServerCertVerified::assertion()),
                    false => Err(Distrust::OtherHost.into_tls()),
                };
            }
            Expected::Host {
                host,
                no_earlier_than,
            } => (host, no_earlier_than),
        };
        let verified = self.chains.verify_server_cert(
            leaf,
            intermediates,
            &server_name(seen.peer.host),
            ocsp_response,
            seen.moment(),
        )?;
        if seen.peer.host != expected {
            return Err(Distrust::OtherHost.into_tls());
        }
        if seen.not_after < no_earlier_than {
            return Err(Distrust::Expired.into_tls());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        super::signatures::tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}
