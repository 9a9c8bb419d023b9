use rustls::{CommonState, pki_types::CertificateDer};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{PeeringError, Pin, certificate};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerIdentity {
    /// The host.
    pub host: Uuid,
    /// Its key.
    pub fingerprint: Pin,
}

impl PeerIdentity {
    /// Whose leaf the other end of this connection has shown, after the
    /// handshake; `None` when it has shown none. Both kinds of
    /// `rustls::Connection` can be given.
    pub fn of(connection: &CommonState) -> Result<Option<Self>, PeeringError> {
        connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .map(|leaf| Seen::read(leaf).map(|seen| seen.peer))
            .transpose()
    }
}

/// What a verifier looks at in the leaf that it is shown.
pub(super) struct Seen {
    pub peer: PeerIdentity,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
}

impl Seen {
    pub fn read(leaf: &CertificateDer<'_>) -> Result<Self, PeeringError> {
        let subject = certificate::read(leaf)?;
        let host = subject
            .host
            .ok_or_else(|| PeeringError::Certificate("it names no host".to_owned()))?;
        Ok(Self {
            peer: PeerIdentity {
                host,
                fingerprint: subject.pin,
            },
            not_before: subject.not_before,
            not_after: subject.not_after,
        })
    }

    /// A moment within the leaf's life, so that the library, which wants to
    /// judge time, judges all the rest; see the module's words on clocks.
    pub fn moment(&self) -> rustls::pki_types::UnixTime {
        let seconds = self.not_before.unix_timestamp().max(0).unsigned_abs();
        rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }
}
