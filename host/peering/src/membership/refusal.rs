use std::fmt;

use serde::{Deserialize, Serialize};

use super::Mode;
use crate::tls::Distrust;

/// On which of the two hosts something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// On the leader.
    Leader,
    /// On the host that joins.
    Joiner,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "the leader",
            Self::Joiner => "the host that joins",
        })
    }
}

/// Why hosts are not linked, or not unlinked. Says what is wrong and what to do
/// about it; nothing has changed on either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(
    tag = "code",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Refusal {
    /// The token's time is over, by the leader's clock.
    #[error("the link token has expired; make another one with `muster link token` on the leader")]
    TokenExpired,
    /// The token has been used.
    #[error(
        "the link token has been used already, and each is good for one host; \
         make another one with `muster link token` on the leader"
    )]
    TokenUsed,
    /// The leader has no such token.
    #[error(
        "the leader does not know this link token: it was withdrawn, or expired long ago; \
         make another one with `muster link token` on the leader"
    )]
    UnknownToken,
    /// The joiner does not have the token's secret.
    #[error(
        "the proof does not fit the link token; copy the token once more, \
         or make another one with `muster link token` on the leader"
    )]
    ProofWrong,
    /// Whoever answers is not of the token's cluster.
    #[error(
        "whoever answers at the link token's address is not of the cluster that the token is of; \
         see that the address is still the leader's, and make another token there"
    )]
    PinMismatch,
    /// None of the token's addresses answers.
    #[error(
        "the leader answers at none of the link token's addresses ({}); \
         see that it runs and that its port for peers is open to this host", tried.join(", ")
    )]
    Unreachable {
        /// The addresses that were tried.
        tried: Vec<String>,
    },
    /// One is an appliance and the other an agent.
    #[error(
        "the leader runs in {leader} mode and the host that joins in {joiner} mode; \
         set the same `mode` on both"
    )]
    OtherMode {
        /// The leader's mode.
        leader: Mode,
        /// The joiner's mode.
        joiner: Mode,
    },
    /// Agents of two operating systems.
    #[error(
        "the leader runs on {leader} and the host that joins on {joiner}; \
         in agent mode, link hosts with the same operating system"
    )]
    OtherOperatingSystem {
        /// The leader's operating system.
        leader: String,
        /// The joiner's operating system.
        joiner: String,
    },
    /// The two would not understand each other.
    #[error(
        "the leader has Muster {leader} and the host that joins {joiner}; \
         update the older one, so that the first two numbers are the same"
    )]
    IncompatibleVersion {
        /// The leader's version.
        leader: String,
        /// The joiner's version.
        joiner: String,
    },
    /// The joiner has workloads of its own, which a group could not place.
    #[error(
        "{workloads} workloads run on the host that joins, and a link would take them from you; \
         delete them first, or link the other way round"
    )]
    RunningWorkloads {
        /// How many.
        workloads: u32,
    },
    /// A host may not be linked by its own settings.
    #[error("links are switched off on {side}; set `multi_node = true` there")]
    MultiNodeOff {
        /// Where.
        side: Side,
    },
    /// The token is the host's own.
    #[error("this host cannot be linked to itself; use the link token on another host")]
    Itself,
    /// The joiner is a member already, here or elsewhere.
    #[error(
        "the host that joins is linked already; unlink it first \
         (`muster link leave` there, or `muster link remove` on its leader)"
    )]
    AlreadyLinked,
    /// The token's host is no leader any more.
    #[error(
        "the host that the link token is of follows a leader itself; make a token on that leader"
    )]
    NotALeader,
    /// The host that would join or stop leading has followers.
    #[error(
        "{followers} hosts follow this one; unlink them first, then run `muster link stop-leading`"
    )]
    HasFollowers {
        /// How many.
        followers: u32,
    },
    /// The host that would leave has something running.
    #[error(
        "{workloads} workloads still run on this host; free it first with `muster node drain`, \
         or look at what would move with `--dry-run`"
    )]
    InUse {
        /// How many.
        workloads: u32,
    },
    /// There is no such membership, or it is over.
    #[error("this host is not linked; `muster link list` on the leader shows who is")]
    NotLinked,
    /// Something of the same kind is on its way.
    #[error("this host is just being linked or unlinked; wait until that is done, or cancel it")]
    Busy,
}

impl Refusal {
    /// A word that stays the same over versions, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenExpired => "token-expired",
            Self::TokenUsed => "token-used",
            Self::UnknownToken => "unknown-token",
            Self::ProofWrong => "proof-wrong",
            Self::PinMismatch => "pin-mismatch",
            Self::Unreachable { .. } => "unreachable",
            Self::OtherMode { .. } => "other-mode",
            Self::OtherOperatingSystem { .. } => "other-operating-system",
            Self::IncompatibleVersion { .. } => "incompatible-version",
            Self::RunningWorkloads { .. } => "running-workloads",
            Self::MultiNodeOff { .. } => "multi-node-off",
            Self::Itself => "itself",
            Self::AlreadyLinked => "already-linked",
            Self::NotALeader => "not-a-leader",
            Self::HasFollowers { .. } => "has-followers",
            Self::InUse { .. } => "in-use",
            Self::NotLinked => "not-linked",
            Self::Busy => "busy",
        }
    }

    /// Whether somebody may have tried to get in with what is not theirs, so
    /// that the leader writes it into its audit log.
    pub fn is_audited(&self) -> bool {
        matches!(
            self,
            Self::TokenUsed | Self::ProofWrong | Self::UnknownToken | Self::PinMismatch
        )
    }
}

impl From<Distrust> for Refusal {
    /// What a joiner makes of a handshake that failed. It has shown nothing by
    /// then, so that all of it says that the pinned authority is not there.
    fn from(_: Distrust) -> Self {
        Self::PinMismatch
    }
}
