//! TLS between peers, 1.3 alone, and what each side believes of the other.
//!
//! | who | shows | believes |
//! | --- | --- | --- |
//! | a host that serves its peers ([`server_config`]) | its leaf and its authority's certificate | who shows a leaf of a trusted authority, for a host and key that its members list admits at this very moment, or has known before ([`Members::knew`]) and wants to tell so; and whoever shows none is a stranger, who may try to join |
//! | a host that dials a peer ([`client_config`]) | its leaf | a leaf of a trusted authority for the very host that it wants |
//! | a member that dials its leader ([`leader_config`]) | its leaf | a leaf for the very key that it knows its leader by, whoever signed it: a leader that has ended the group and begun another says so itself |
//! | a host that wants to join ([`joiner_config`]) | nothing | a leaf of an authority whose pin is in the link token |
//!
//! Addresses and names are nobody's identity: a host is dialled wherever it is
//! and recognised by what is in its leaf. Sessions are never resumed, so that
//! each connection asks the members list anew.
//!
//! # Clocks
//!
//! Nobody's clock is asked. A leaf has expired for a host when it ended before
//! the host's own leaf was issued: both times were written by the leader, and
//! the second one is proof of how late it is at least. So
//!
//! - a host whose clock is hours, days or years off (a board without a battery
//!   wakes up in 1970) joins, serves and is served like any other. Its skew is
//!   measured ([`crate::clock`]) and shown, and that is all;
//! - a leader that is away for months takes no connection between its members
//!   down: nobody gets a new leaf from it, so nobody learns that it is later;
//! - a leaf that is not renewed any more is refused by every member that was
//!   itself renewed after its end: at the latest 24 days (80 % of 30) later.
//!
//! Expiry is the second line: it is for leaves of hosts that somebody forgot.
//! The first line is the members list, and removal takes effect there at the
//! next handshake. Between a member and its leader even that second line is
//! not drawn, in neither direction, because each of them knows the other's
//! very key, and because this connection is how a leaf gets renewed: a host
//! that was switched off for months comes back by itself, and certificates
//! that were signed while the leader's clock was wrong are replaced
//! ([`crate::Leaf::is_due`]). A leader says that its list is the truth with
//! [`Members::is_leader`].

use std::sync::Arc;

use rustls::{
    ClientConfig, ConnectionCommon, ServerConfig, client::Resumption, crypto::CryptoProvider,
    pki_types::ServerName, version::TLS13,
};
use uuid::Uuid;

use crate::{Anchors, HostKey, Leaf, PeeringError, Pin, certificate};

mod client;
mod identity;
mod joiner;
mod reason;
mod server;
mod signatures;

pub use identity::PeerIdentity;
pub use reason::{Distrust, reason, told};
pub use server::Members;

/// What the exporter is for. Whoever exports with another label from the same
/// connection gets something else.
const LABEL: &[u8] = b"EXPORTER-muster-link-join-1";

/// How a host serves its peers and those who want to become one. `alpn` are
/// the protocols that it speaks, best first; `members` is asked at each
/// handshake whether a host may connect with the key that it has.
pub fn server_config(
    leaf: &Leaf,
    key: &HostKey,
    anchors: &Anchors,
    members: Arc<dyn Members>,
    alpn: &[&[u8]],
) -> Result<ServerConfig, PeeringError> {
    let verifier = server::Verifier::new(anchors, members, leaf.issued_at(), provider())?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(leaf.chain().to_vec(), key.der())?;
    config.alpn_protocols = owned(alpn);
    // Without tickets and without a place to keep sessions there is nothing to
    // resume with; a resumed session would not be looked at by `members`.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// How a host dials the peer `host`. The name that is given to the connector
/// does not matter; [`server_name`] makes one.
pub fn client_config(
    leaf: &Leaf,
    key: &HostKey,
    anchors: &Anchors,
    host: Uuid,
    alpn: &[&[u8]],
) -> Result<ClientConfig, PeeringError> {
    let expected = client::Expected::Host {
        host,
        no_earlier_than: leaf.issued_at(),
    };
    dial(leaf, key, anchors, expected, alpn)
}

/// How a member dials its leader, of which it knows the key since it joined.
pub fn leader_config(
    leaf: &Leaf,
    key: &HostKey,
    anchors: &Anchors,
    leader: &PeerIdentity,
    alpn: &[&[u8]],
) -> Result<ClientConfig, PeeringError> {
    let expected = client::Expected::Leader {
        host: leader.host,
        fingerprint: leader.fingerprint,
    };
    dial(leaf, key, anchors, expected, alpn)
}

/// How a host that has a link token, and nothing else yet, dials the leader.
/// It believes whoever shows an authority's certificate with one of these
/// pins, and a leaf that this authority signed for a server; before that it
/// sends nothing of its own.
pub fn joiner_config(pins: &[Pin], alpn: &[&[u8]]) -> Result<ClientConfig, PeeringError> {
    let verifier = joiner::Verifier::new(pins, provider());
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finished(config, alpn))
}

/// A name for the connector. It is not sent, and recognises nobody.
pub fn server_name(host: Uuid) -> ServerName<'static> {
    ServerName::try_from(certificate::host_name(host))
        .unwrap_or_else(|_| ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()))
}

/// 32 bytes that the two ends of this connection have, and nobody else. Both
/// `rustls::ClientConnection` and `ServerConnection` are such a connection.
/// Fails before the end of the handshake.
pub fn exporter<Side>(connection: &ConnectionCommon<Side>) -> Result<[u8; 32], PeeringError> {
    Ok(connection.export_keying_material([0; 32], LABEL, None)?)
}

fn dial(
    leaf: &Leaf,
    key: &HostKey,
    anchors: &Anchors,
    expected: client::Expected,
    alpn: &[&[u8]],
) -> Result<ClientConfig, PeeringError> {
    let verifier = client::Verifier::new(anchors, expected, provider())?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(leaf.chain().to_vec(), key.der())?;
    Ok(finished(config, alpn))
}

fn finished(mut config: ClientConfig, alpn: &[&[u8]]) -> ClientConfig {
    config.alpn_protocols = owned(alpn);
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Nobody serves by name, and who is dialled is nobody else's business.
    config.enable_sni = false;
    config
}

fn owned(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.to_vec()).collect()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
