//! What is in a certificate, and making one.

use muster_api::certificates::Certificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// How long a certificate is good that is made here.
const LIFE: Duration = Duration::days(397);
/// The most host names of a certificate that is made here.
const MOST_HOSTS: usize = 100;

/// What is in a certificate.
pub(super) struct Contents {
    /// It and those that vouch for it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) hosts: Vec<String>,
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) self_signed: bool,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
}

impl Contents {
    /// Reads a certificate and those that vouch for it, as PEM.
    pub(super) fn read(pem: &str) -> Result<Self, String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("it is no PEM: {error}"))?;
        let own = chain
            .first()
            .ok_or("there is no certificate in it; PEM begins with -----BEGIN CERTIFICATE-----")?;
        let (_, certificate) = parse_x509_certificate(own)
            .map_err(|error| format!("it is no certificate: {error}"))?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|error| format!("its names cannot be read: {error}"))?;
        let hosts = names
            .iter()
            .flat_map(|names| &names.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            });
        let hosts = hosts.collect();
        let moment = |at: x509_parser::time::ASN1Time| at.to_datetime();
        let validity = certificate.validity();
        Ok(Self {
            hosts,
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            self_signed: certificate.subject() == certificate.issuer() && chain.len() == 1,
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
            chain,
        })
    }

    /// As the API shows it.
    pub(super) fn shown(&self, name: &str, created_at: OffsetDateTime) -> Certificate {
        let own = self.chain.first().map(AsRef::as_ref).unwrap_or_default();
        let digest = Sha256::digest(own);
        Certificate {
            name: name.to_owned(),
            hosts: self.hosts.clone(),
            subject: self.subject.clone(),
            issuer: self.issuer.clone(),
            self_signed: self.self_signed,
            chain: u32::try_from(self.chain.len()).unwrap_or(u32::MAX),
            fingerprint: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: self.not_before,
            not_after: self.not_after,
            created_at,
        }
    }
}

/// Reads a private key, as PEM.
pub(super) fn key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
        format!(
            "it is no private key that could be used: {error}; it must be PEM and not encrypted"
        )
    })
}

/// Makes a certificate that vouches for itself, and its key, as PEM.
pub(super) fn made(hosts: &[String]) -> Result<(String, String), String> {
    if hosts.len() > MOST_HOSTS {
        return Err(format!("at most {MOST_HOSTS} host names"));
    }
    if let Some(odd) = hosts.iter().find(|host| !is_host(host)) {
        return Err(format!("'{odd}' is no host name"));
    }
    let made = || {
        let mut params = CertificateParams::new(hosts)?;
        let mut subject = DistinguishedName::new();
        subject.push(
            DnType::CommonName,
            hosts.first().cloned().unwrap_or_default(),
        );
        params.distinguished_name = subject;
        // Clocks differ.
        params.not_before = OffsetDateTime::now_utc() - Duration::HOUR;
        params.not_after = OffsetDateTime::now_utc() + LIFE;
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok::<_, rcgen::Error>((certificate.pem(), key.serialize_pem()))
    };
    made().map_err(|error| format!("no certificate can be made of it: {error}"))
}

/// Whether a text is a host name, or `*.` and one.
fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn host_names_have_labels_and_at_most_one_star() {
        for good in ["localhost", "a.example.org", "*.example.org", "a_b.test"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "", "*", "a..b", "a.", "*.*.test", "-a.test", "a b", "a/b", "ä.test",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
