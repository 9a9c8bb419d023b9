//! The certificate authority of a cluster: what the leader signs its members'
//! certificates with.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use crate::{Leaf, PeeringError, Pin, certificate, host_key, pem};

/// The longest that a host's certificate is valid. A host that is forgotten
/// somewhere with its key loses its trust by itself after this time.
pub const LONGEST_LIFE: Duration = Duration::days(30);

/// How much earlier than now a certificate's life begins, so that software
/// that does look at clocks agrees with those that are a little behind.
pub const BACKDATED: Duration = Duration::hours(1);

/// How long an authority is valid. It ends by rotation, not by age: trust in
/// an authority is the list of anchors, which the leader hands out.
const AUTHORITY_LIFE: Duration = Duration::days(3_650);

/// The longest request for a certificate that is looked at, in bytes; those of
/// [`crate::HostKey::csr`] have about 300.
const LONGEST_REQUEST: usize = 4 << 10;

const WHAT: &str = "a certificate authority";

/// A certificate authority with its key. The key never leaves the leader:
/// hosts get certificates, not the means to make them.
#[derive(Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    cluster: Uuid,
    pin: Pin,
}

impl Authority {
    /// Makes the authority of a cluster.
    pub fn generate(cluster: Uuid, now: OffsetDateTime) -> Result<Self, PeeringError> {
        let key = KeyPair::generate_for(host_key::ALGORITHM)?;
        let serial = serial();
        let mut params = CertificateParams::default();
        // The serial keeps two authorities of one cluster apart by name, so
        // that each certificate leads straight to the one that signed it.
        params.distinguished_name = name(format!("Muster cluster {cluster} {serial}"));
        params.serial_number = Some(serial);
        params.subject_alt_names =
            vec![SanType::URI(certificate::cluster_uri(cluster).try_into()?)];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = backdated(now);
        params.not_after = now + AUTHORITY_LIFE;
        let certificate = params.self_signed(&key)?.der().clone();
        Self::new(certificate, key)
    }

    /// Reads what [`Self::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, PeeringError> {
        let certificate = pem::certificates(text, WHAT)?
            .into_iter()
            .next()
            .ok_or_else(|| PeeringError::Pem {
                what: WHAT,
                why: "there is no certificate in it".to_owned(),
            })?;
        Self::new(certificate, host_key::key_of_pem(text, WHAT)?)
    }

    fn new(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, PeeringError> {
        let subject = certificate::read(&certificate)?;
        if subject.pin != Pin::of_public_key(&key.subject_public_key_info()) {
            return Err(PeeringError::OtherKey);
        }
        let cluster = subject
            .cluster
            .ok_or_else(|| PeeringError::Certificate("it names no cluster".to_owned()))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self {
            certificate,
            issuer,
            cluster,
            pin: subject.pin,
        })
    }

    /// Certificate and key. Whoever has this text is the cluster; it belongs
    /// into a file that its owner alone may read.
    pub fn to_pem(&self) -> String {
        let key = self.issuer.key().serialize_pem();
        pem::certificate(&self.certificate) + &key
    }

    /// The certificate, which is no secret.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// What a link token pins.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The cluster that it speaks for.
    pub fn cluster(&self) -> Uuid {
        self.cluster
    }

    /// Signs a certificate for a host, valid for `life` from now on.
    ///
    /// The request proves that whoever asks has the key; nothing else that it
    /// says is looked at. Who the host is, and whether it may have a
    /// certificate, has been decided by whoever calls this.
    ///
    /// Fails when the request is not signed by its own key, when the key is of
    /// another kind than a host's, or when `life` is beyond [`LONGEST_LIFE`].
    pub fn issue(
        &self,
        csr_der: &[u8],
        host: Uuid,
        now: OffsetDateTime,
        life: Duration,
    ) -> Result<Leaf, PeeringError> {
        if !life.is_positive() || life > LONGEST_LIFE {
            return Err(PeeringError::Life);
        }
        let key = requested_key(csr_der)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(format!("Muster host {host}"));
        // Not the default, which depends on the key alone: each certificate of
        // a host shall have a number of its own.
        params.serial_number = Some(serial());
        params.subject_alt_names = vec![
            SanType::URI(certificate::host_uri(host).try_into()?),
            SanType::DnsName(certificate::host_name(host).try_into()?),
        ];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        params.not_before = backdated(now);
        params.not_after = now + life;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Leaf::new(certificate, self.certificate.clone())
    }
}

/// The key that a request is for, once its signature has shown that whoever
/// asks has it.
fn requested_key(csr: &[u8]) -> Result<SubjectPublicKeyInfo, PeeringError> {
    let refused = |why: String| PeeringError::Request(why);
    if csr.len() > LONGEST_REQUEST {
        return Err(refused(format!(
            "it is longer than {LONGEST_REQUEST} bytes"
        )));
    }
    let (rest, request) = X509CertificationRequest::from_der(csr)
        .map_err(|error| refused(format!("it cannot be read: {error}")))?;
    if !rest.is_empty() {
        return Err(refused("there are bytes behind its end".to_owned()));
    }
    let key = request.certification_request_info.subject_pki.raw;
    let key = SubjectPublicKeyInfo::from_der(key)
        .map_err(|error| refused(format!("its key cannot be used: {error}")))?;
    if key.algorithm() != host_key::ALGORITHM {
        return Err(refused("its key is not of the P-256 kind".to_owned()));
    }
    request
        .verify_signature()
        .map_err(|_| refused("it is not signed by the key that it is for".to_owned()))?;
    Ok(key)
}

/// X.509 has no times before 1970, which is where clocks without a battery
/// begin.
fn backdated(now: OffsetDateTime) -> OffsetDateTime {
    (now - BACKDATED).max(OffsetDateTime::UNIX_EPOCH)
}

fn name(text: String) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

/// 126 random bits as a positive number.
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    SerialNumber::from_slice(&bytes)
}
