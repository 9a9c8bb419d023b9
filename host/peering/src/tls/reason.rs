use std::{error::Error as StdError, io, sync::Arc};

use rustls::{AlertDescription, CertificateError, OtherError};

/// Why one end of a connection does not believe the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Whoever answers is not of the cluster that the link token is of. It may
    /// be another host that has got the address meanwhile, or somebody in
    /// between.
    #[error("whoever answers there is not of the cluster that the link token comes from")]
    PinMismatch,
    /// The certificate was signed by none of the authorities that are trusted.
    #[error("the certificate comes from another cluster")]
    OtherCluster,
    /// The certificate is another host's than the one that was dialled.
    #[error("another host than the expected one answers there")]
    OtherHost,
    /// The certificate ended and was not renewed.
    #[error("the certificate has expired")]
    Expired,
    /// The host is not, or no longer, a member with this key.
    #[error("this host is not a member, or no longer")]
    NotAMember,
    /// What was shown is no host's certificate, or its signature is wrong.
    #[error("what was shown is no certificate of a Muster host")]
    Invalid,
}

impl Distrust {
    /// As rustls wants to hear it. Of these, the other end is told that it is
    /// no member and that its certificate has expired, which it can do
    /// something about; the rest stays general.
    pub(super) fn into_tls(self) -> rustls::Error {
        rustls::Error::InvalidCertificate(match self {
            Self::NotAMember => CertificateError::Revoked,
            Self::Expired => CertificateError::Expired,
            Self::OtherCluster => CertificateError::UnknownIssuer,
            other => CertificateError::Other(OtherError(Arc::new(other))),
        })
    }
}

/// Why a handshake failed, or the first read after it: with TLS 1.3 a client
/// learns only then whether the server believed it. `None` when the reason is
/// not one of trust, such as a line that broke.
///
/// A server that does not believe a client closes the connection. Whoever could
/// not write any more should read what it said, before giving up.
///
/// It may be what this end found out or what the other end said; [`told`] has
/// the second alone.
pub fn reason(error: &io::Error) -> Option<Distrust> {
    tls(error).and_then(of_tls)
}

/// What the other end said of why it does not believe this one.
///
/// Read after the handshake, it is the word of whoever was recognised by then:
/// from a leader, [`Distrust::NotAMember`] and [`Distrust::OtherCluster`] are
/// definite. *During* the handshake it is nobody's word: until then nothing is
/// encrypted, and whoever has got the leader's address can say so.
pub fn told(error: &io::Error) -> Option<Distrust> {
    let error = tls(error)?;
    matches!(error, rustls::Error::AlertReceived(_))
        .then(|| of_tls(error))
        .flatten()
}

fn tls(error: &io::Error) -> Option<&rustls::Error> {
    let mut source: Option<&(dyn StdError + 'static)> = error.get_ref().map(|error| error as _);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

fn of_tls(error: &rustls::Error) -> Option<Distrust> {
    match error {
        rustls::Error::InvalidCertificate(error) => Some(match error {
            CertificateError::Revoked => Distrust::NotAMember,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Distrust::Expired
            }
            CertificateError::UnknownIssuer => Distrust::OtherCluster,
            CertificateError::Other(OtherError(other)) => {
                *other.downcast_ref().unwrap_or(&Distrust::Invalid)
            }
            _ => Distrust::Invalid,
        }),
        rustls::Error::NoCertificatesPresented => Some(Distrust::Invalid),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRevoked => Some(Distrust::NotAMember),
            AlertDescription::CertificateExpired => Some(Distrust::Expired),
            AlertDescription::UnknownCA => Some(Distrust::OtherCluster),
            AlertDescription::CertificateUnknown
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError => Some(Distrust::Invalid),
            _ => None,
        },
        _ => None,
    }
}
