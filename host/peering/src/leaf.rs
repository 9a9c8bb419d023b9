//! The certificate of a host.

use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{Anchors, HostKey, PeeringError, Pin, authority::BACKDATED, certificate, pem};

/// A host's certificate together with the authority's that signed it. Both are
/// shown to whoever connects, because a host that wants to join knows but the
/// authority's pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    chain: [CertificateDer<'static>; 2],
    host: Uuid,
    fingerprint: Pin,
    issuer: Pin,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Leaf {
    /// Fails when `authority` did not sign `leaf`, or when it is no host's.
    pub(crate) fn new(
        leaf: CertificateDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, PeeringError> {
        let subject = certificate::read(&leaf)?;
        let host = subject
            .host
            .ok_or_else(|| PeeringError::Certificate("it names no host".to_owned()))?;
        let issuer = certificate::read(&authority)?;
        if issuer.cluster.is_none() || !signed_by(&leaf, &authority) {
            return Err(PeeringError::OtherCluster);
        }
        Ok(Self {
            host,
            fingerprint: subject.pin,
            issuer: issuer.pin,
            not_before: subject.not_before,
            not_after: subject.not_after,
            chain: [leaf, authority],
        })
    }

    /// Reads what [`Self::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, PeeringError> {
        const WHAT: &str = "a host's certificate";
        let certificates = pem::certificates(text, WHAT)?;
        let [leaf, authority] =
            <[_; 2]>::try_from(certificates).map_err(|found| PeeringError::Pem {
                what: WHAT,
                why: format!("there are {} certificates in it, not two", found.len()),
            })?;
        Self::new(leaf, authority)
    }

    /// The host's certificate, then its authority's. None of it is secret.
    pub fn to_pem(&self) -> String {
        self.chain.iter().map(pem::certificate).collect()
    }

    /// Whether this is what a host that asked for a certificate should get:
    /// for this host, for this key, from an authority that it trusts.
    pub fn check(&self, host: Uuid, key: &HostKey, anchors: &Anchors) -> Result<(), PeeringError> {
        if self.host != host {
            return Err(PeeringError::OtherHost {
                expected: host,
                found: self.host,
            });
        }
        if self.fingerprint != key.fingerprint() {
            return Err(PeeringError::OtherKey);
        }
        if !anchors.pins().contains(&self.issuer) {
            return Err(PeeringError::OtherCluster);
        }
        Ok(())
    }

    /// The host whose certificate this is.
    pub fn host(&self) -> Uuid {
        self.host
    }

    /// The fingerprint of the host's key.
    pub fn fingerprint(&self) -> Pin {
        self.fingerprint
    }

    /// The pin of the authority that signed it.
    pub fn issuer(&self) -> Pin {
        self.issuer
    }

    /// The first second of its life, by the leader's clock; an hour before it
    /// was issued.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last second of its life, by the leader's clock.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// When the leader signed it, by the leader's clock.
    pub fn issued_at(&self) -> OffsetDateTime {
        self.not_before + BACKDATED
    }

    /// When to ask for the next one; see [`renew_at`].
    pub fn renew_at(&self, random: f64) -> OffsetDateTime {
        renew_at(self.not_before, self.not_after, random)
    }

    /// Whether the next one should be asked for at `now` **by the leader's
    /// clock**: `random` is chosen once per certificate. A certificate from
    /// the future was made while the leader's clock was wrong, and is replaced
    /// at once, so that a clock that was put right heals the cluster by itself.
    pub fn is_due(&self, now: OffsetDateTime, random: f64) -> bool {
        now < self.not_before || now >= self.renew_at(random)
    }

    /// The host's certificate and its authority's.
    pub fn chain(&self) -> &[CertificateDer<'static>; 2] {
        &self.chain
    }
}

/// When a certificate should be replaced: at 50 to 80 % of its life, as
/// `random` (0 to 1) says. Hosts that were linked together would else ask for
/// new ones together for ever, and what is left is time to find a leader that
/// is away.
pub fn renew_at(
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    random: f64,
) -> OffsetDateTime {
    let random = if random.is_finite() {
        random.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let life = (not_after - not_before).max(Duration::ZERO);
    not_before + life * (0.5 + 0.3 * random)
}

fn signed_by(leaf: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let (Ok((_, leaf)), Ok((_, authority))) = (
        X509Certificate::from_der(leaf),
        X509Certificate::from_der(authority),
    ) else {
        return false;
    };
    leaf.verify_signature(Some(authority.public_key())).is_ok()
}
