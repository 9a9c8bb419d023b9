//! The authorities whose certificates are trusted.

use std::sync::Arc;

use rustls::{RootCertStore, pki_types::CertificateDer};

use crate::{PeeringError, Pin, certificate, pem};

/// Most authorities that are trusted at once. A rotation needs two.
pub const MOST: usize = 8;

/// The authorities that a host trusts. They are a list, so that a cluster can
/// change its authority without a moment in which two hosts cannot talk: all
/// hosts first trust the new one beside the old, then every host gets a
/// certificate from the new one, and only then the old one goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors(Vec<CertificateDer<'static>>);

impl Anchors {
    /// Trusts these, the newest first.
    ///
    /// Fails when there is none, when there are more than [`MOST`], or when
    /// one is not the certificate of a cluster.
    pub fn new(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, PeeringError> {
        let mut anchors: Vec<CertificateDer<'static>> = Vec::new();
        for anchor in certificates {
            if certificate::read(&anchor)?.cluster.is_none() {
                return Err(PeeringError::Certificate("it names no cluster".to_owned()));
            }
            if !anchors.contains(&anchor) {
                anchors.push(anchor);
            }
        }
        match anchors.len() {
            0 => Err(PeeringError::NoAnchor),
            1..=MOST => Ok(Self(anchors)),
            more => Err(PeeringError::Certificate(format!(
                "{more} authorities at once are more than {MOST}"
            ))),
        }
    }

    /// Reads what [`Self::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, PeeringError> {
        Self::new(pem::certificates(text, "a list of authorities")?)
    }

    /// The certificates one behind the other.
    pub fn to_pem(&self) -> String {
        self.0.iter().map(pem::certificate).collect()
    }

    /// The certificates, the newest first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// The pins of all of them, for a link token: whichever of them the
    /// leader's certificate comes from when the token is used, is known.
    pub fn pins(&self) -> Vec<Pin> {
        self.0
            .iter()
            .filter_map(|anchor| certificate::read(anchor).ok())
            .map(|subject| subject.pin)
            .collect()
    }

    /// What rustls checks certificates against.
    pub(crate) fn store(&self) -> Result<Arc<RootCertStore>, PeeringError> {
        let mut store = RootCertStore::empty();
        for anchor in &self.0 {
            store.add(anchor.clone())?;
        }
        Ok(Arc::new(store))
    }
}
