//! What a host that serves believes of who connects.

use std::{fmt, sync::Arc};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Distrust, identity::Seen};
use crate::{Anchors, PeeringError, Pin};

/// Who may connect. A closure over host and fingerprint is one for a follower.
pub trait Members: Send + Sync {
    /// Whether this host is a member, with this key. Asked in each handshake,
    /// on the thread that serves it, so that it has to answer from memory.
    fn admits(&self, host: Uuid, fingerprint: Pin) -> bool;

    /// Whether this host was a member with this key and is none any more. It is
    /// let in only to be told how that ended, which whoever serves it has to
    /// see to: [`Members::admits`] says that it is no member.
    fn knew(&self, _host: Uuid, _fingerprint: Pin) -> bool {
        false
    }

    /// Whether this is the leader's own list. There the list alone decides:
    /// a member whose leaf has ended may connect, to get a new one.
    fn is_leader(&self) -> bool {
        false
    }
}

impl<F> Members for F
where
    F: Fn(Uuid, Pin) -> bool + Send + Sync,
{
    fn admits(&self, host: Uuid, fingerprint: Pin) -> bool {
        self(host, fingerprint)
    }
}

pub struct Verifier {
    chains: Arc<dyn ClientCertVerifier>,
    members: Arc<dyn Members>,
    no_earlier_than: OffsetDateTime,
}

impl Verifier {
    pub fn new(
        anchors: &Anchors,
        members: Arc<dyn Members>,
        no_earlier_than: OffsetDateTime,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, PeeringError> {
        let chains = WebPkiClientVerifier::builder_with_provider(anchors.store()?, provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| PeeringError::Crypto(error.to_string()))?;
        Ok(Self {
            chains,
            members,
            no_earlier_than,
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Verifier {
    /// A joiner has none yet.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let seen = Seen::read(leaf).map_err(|_| Distrust::Invalid.into_tls())?;
        let verified = self
            .chains
            .verify_client_cert(leaf, intermediates, seen.moment())?;
        let (host, key) = (seen.peer.host, seen.peer.fingerprint);
        if !self.members.admits(host, key) && !self.members.knew(host, key) {
            return Err(Distrust::NotAMember.into_tls());
        }
        if seen.not_after < self.no_earlier_than && !self.members.is_leader() {
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
