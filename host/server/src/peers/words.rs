//! What peers say to each other, as JSON.

use muster_api::hosts::About;
use muster_peering::membership::{Facts, Reply, Request};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::state::InstanceReport;

/// `POST /peer/v1/ask`: a host wants to be let in with a link token.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ask {
    /// The token's id.
    pub(crate) link: Uuid,
    /// The proof that it has the token's secret, bound to this connection and
    /// to the request for a certificate. Base64.
    pub(crate) proof: String,
    /// The request for a certificate, DER in base64.
    pub(crate) csr: String,
    pub(crate) facts: Facts,
    pub(crate) name: String,
    pub(crate) about: About,
}

/// The answer to [`Ask`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) reply: Reply,
    /// With [`Reply::Accepted`] alone.
    pub(crate) welcome: Option<Welcome>,
}

/// What a host gets that is let in. There is no key in it but its own, signed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) cluster: Uuid,
    /// Its certificate and the authority's, PEM.
    pub(crate) leaf: String,
    /// The authorities to trust, PEM.
    pub(crate) anchors: String,
    pub(crate) leader: Whereabouts,
}

/// A host's name, and where it is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
}

/// `POST /peer/v1/say`: a host that has its certificate confirms, says hello, or
/// takes leave.
#[derive(Serialize, Deserialize)]
pub(crate) struct Say {
    pub(crate) link: Uuid,
    pub(crate) request: Request,
    pub(crate) name: String,
    pub(crate) about: About,
    /// All of its instances.
    pub(crate) instances: Vec<InstanceReport>,
    /// What has happened while it did not hear the leader, oldest first. It may
    /// come twice, if the answer gets lost.
    #[serde(default)]
    pub(crate) meanwhile: Vec<Happening>,
}

/// Something that happened to an app on a follower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Happening {
    /// When, by the follower's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    /// The app's name.
    pub(crate) app: String,
    /// What, as the app's log has it.
    pub(crate) what: String,
}

/// The answer to [`Say`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) reply: Reply,
    /// The leader's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) time: OffsetDateTime,
    pub(crate) leader: Whereabouts,
    /// The authorities to trust, PEM.
    pub(crate) anchors: String,
    /// The number of the newest change of the host's addresses that the leader
    /// knows of.
    pub(crate) generation: u64,
}

/// `POST /peer/v1/renew`: a member wants another certificate for its key.
#[derive(Serialize, Deserialize)]
pub(crate) struct Renew {
    pub(crate) link: Uuid,
    /// DER in base64.
    pub(crate) csr: String,
}

/// The answer to [`Renew`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Renewed {
    /// PEM; nothing if the host is no member.
    pub(crate) leaf: Option<String>,
}
