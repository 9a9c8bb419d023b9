//! What this crate reads from a certificate, and the names it puts into them.

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer, Validity},
};

use crate::{PeeringError, Pin};

const HOST: &str = "muster:host:";
const CLUSTER: &str = "muster:cluster:";

/// The URI that names a host in its certificate.
pub fn host_uri(host: Uuid) -> String {
    format!("{HOST}{host}")
}

/// The URI that names a cluster in its authority's certificate.
pub fn cluster_uri(cluster: Uuid) -> String {
    format!("{CLUSTER}{cluster}")
}

/// The name of a host as TLS wants to have it. No name server knows it: a host
/// is dialled by address and recognised by this name.
pub fn host_name(host: Uuid) -> String {
    format!("{host}.host.muster.internal")
}

/// What a certificate says of whom it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The host, in a host's certificate.
    pub host: Option<Uuid>,
    /// The cluster, in an authority's certificate.
    pub cluster: Option<Uuid>,
    /// The pin of the public key.
    pub pin: Pin,
    /// The first second of its life.
    pub not_before: OffsetDateTime,
    /// The last second of its life.
    pub not_after: OffsetDateTime,
}

/// Reads a certificate. Whether anybody trustworthy signed it, is asked
/// elsewhere.
pub fn read(der: &CertificateDer<'_>) -> Result<Subject, PeeringError> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(unreadable)?;
    if !rest.is_empty() {
        return Err(unreadable("there are bytes behind its end"));
    }
    let names = certificate
        .subject_alternative_name()
        .map_err(unreadable)?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let Validity {
        not_before,
        not_after,
    } = *certificate.validity();
    Ok(Subject {
        host: only(names, HOST)?,
        cluster: only(names, CLUSTER)?,
        pin: Pin::of_public_key(certificate.public_key().raw),
        not_before: not_before.to_datetime(),
        not_after: not_after.to_datetime(),
    })
}

/// The UUID behind this prefix. Two would be one too many to know whom a
/// certificate speaks for.
fn only(names: &[GeneralName<'_>], prefix: &str) -> Result<Option<Uuid>, PeeringError> {
    let mut found = None;
    for name in names {
        let GeneralName::URI(uri) = name else {
            continue;
        };
        let Some(id) = uri.strip_prefix(prefix) else {
            continue;
        };
        let id = Uuid::try_parse(id).map_err(unreadable)?;
        if found.replace(id).is_some() {
            return Err(unreadable("it names two"));
        }
    }
    Ok(found)
}

fn unreadable(why: impl ToString) -> PeeringError {
    PeeringError::Certificate(why.to_string())
}
