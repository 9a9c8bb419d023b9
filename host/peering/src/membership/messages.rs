use serde::{Deserialize, Serialize};

use super::Refusal;

/// What a joiner or follower says to its leader. All of it may be said again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Let me in: with facts, proof and a request for a certificate.
    Ask,
    /// I have kept the certificate: count me in. Over mutual TLS, as the rest.
    Confirm,
    /// I am still here.
    Hello,
    /// I want to be alone again.
    Leave,
}

/// What the leader answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Ask`]: here is a certificate; confirm it.
    Accepted,
    /// To [`Request::Ask`]: no, and nothing was kept.
    AskRefused(Refusal),
    /// To [`Request::Confirm`] and [`Request::Hello`]: you are a member.
    Member,
    /// To [`Request::Leave`]: not now; you go on being a member.
    LeaveRefused(Refusal),
    /// To all but [`Request::Ask`]: you are no member, for good. How it ended,
    /// if the leader remembers. A leader that refuses the TLS connection with
    /// [`crate::tls::Distrust::NotAMember`] says the same; with
    /// [`crate::tls::Distrust::OtherCluster`] it says that it was
    /// [`Ending::GroupEnded`].
    NotKnown(Option<Ending>),
}

/// How a membership ended, or that it never began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nobody used the token in time.
    Expired,
    /// Somebody withdrew the token before it was used.
    Withdrawn,
    /// The host was let in, but did not confirm in time.
    Lapsed,
    /// The host left.
    Left,
    /// The host was unlinked on the leader.
    Removed,
    /// The host was lost, and forced out.
    ForcedOut,
    /// The leader has ended the whole group, and knows nothing of it any more.
    GroupEnded,
}
