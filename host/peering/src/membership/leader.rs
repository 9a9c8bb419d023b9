//! The leader's side of a membership.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{Ending, Refusal, Reply};
use crate::tls::PeerIdentity;

/// How long a pending member has to confirm. A joiner does so within a second,
/// and goes on trying while its line is bad or while it starts anew.
pub const CONFIRM_WITHIN: Duration = Duration::minutes(2);

/// The longest that a token may be good.
pub const LONGEST_OFFER: Duration = Duration::minutes(30);

/// What the leader keeps of a membership, under its token's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// The token was given out, and nobody has used it.
    Offered {
        /// When it expires.
        #[serde(with = "time::serde::timestamp")]
        expires_at: OffsetDateTime,
    },
    /// This host was let in and has not confirmed yet. It is in the members
    /// list, because it confirms over mutual TLS; nothing is placed on it.
    Pending {
        /// Who was let in.
        peer: PeerIdentity,
        /// When it is nobody again.
        #[serde(with = "time::serde::timestamp")]
        confirm_by: OffsetDateTime,
    },
    /// This host is a member.
    Joined {
        /// The member.
        peer: PeerIdentity,
    },
    /// The membership is over, for ever.
    Ended {
        /// Whose it was, if the token was ever used.
        peer: Option<PeerIdentity>,
        /// How it ended.
        how: Ending,
    },
}

impl State {
    /// Who belongs into the members list because of this membership.
    pub fn admitted(&self) -> Option<PeerIdentity> {
        match self {
            Self::Pending { peer, .. } | Self::Joined { peer } => Some(*peer),
            Self::Offered { .. } | Self::Ended { .. } => None,
        }
    }

    /// Whether this hinders the leader from stopping to lead.
    pub fn follows(&self) -> bool {
        self.admitted().is_some()
    }
}

/// What may happen to a membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A host asks to be let in with the token.
    Ask {
        /// Who asks: the host as it says, the key that its request is signed
        /// with.
        peer: PeerIdentity,
        /// Whether the proof is right ([`crate::proof::check`]).
        proven: bool,
        /// Whether it may be linked now: [`super::check_join`], that no other
        /// membership stands in its way ([`hindrance`]), and that this host
        /// leads ([`Refusal::NotALeader`]).
        admissible: Result<(), Refusal>,
    },
    /// A host that was recognised by its leaf confirms, or says hello.
    Confirm {
        /// Who.
        peer: PeerIdentity,
    },
    /// A host that was recognised by its leaf wants to leave.
    Leave {
        /// Who.
        peer: PeerIdentity,
        /// How many workloads are placed on it.
        workloads: u32,
    },
    /// Somebody unlinks the host here.
    Remove {
        /// How many workloads are placed on it.
        workloads: u32,
    },
    /// Somebody gives the host up for lost.
    ForceOut,
    /// The host was let in with another token meanwhile; see [`hindrance`].
    Supersede,
    /// Somebody withdraws the token, or this host stops leading.
    Withdraw,
    /// Time has passed.
    Tick,
}

/// What has to be done, after the new state is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sign a certificate for this host and key; it goes with the reply.
    Issue(PeerIdentity),
    /// Answer whoever asked.
    Reply(Reply),
    /// Take this host out of the members list and close its connections.
    Revoke(PeerIdentity),
    /// Write into the audit log that this host is a member now.
    Linked(PeerIdentity),
    /// Write into the audit log that the membership is over.
    Unlinked(Ending),
    /// Write into the audit log that a host came back that had been forced out.
    CameBack(PeerIdentity),
}

/// What an event makes of a membership: the new state, and what to do. A
/// refusal changes nothing, and is answered to whoever asked.
///
/// `now` is the leader's clock. State and audit entries belong into one
/// transaction with the row locked, since two hosts may come with one token at
/// once.
pub fn step(
    state: &State,
    event: Event,
    now: OffsetDateTime,
) -> Result<(State, Vec<Effect>), Refusal> {
    let (state, mut effects) = at(*state, now);
    let (next, more) = match event {
        Event::Ask {
            peer,
            proven,
            admissible,
        } => ask(state, peer, proven, admissible, now)?,
        Event::Confirm { peer } => confirm(state, peer),
        Event::Leave { peer, workloads } => leave(state, peer, workloads)?,
        Event::Remove { workloads } => {
            let free = matches!(state, State::Pending { .. }) || workloads == 0;
            match state.admitted() {
                Some(_) if !free => return Err(Refusal::InUse { workloads }),
                Some(peer) => end(peer, Ending::Removed),
                None => return Err(Refusal::NotLinked),
            }
        }
        Event::ForceOut => match state.admitted() {
            Some(peer) => end(peer, Ending::ForcedOut),
            None => return Err(Refusal::NotLinked),
        },
        Event::Supersede => match state {
            State::Pending { peer, .. } => end(peer, Ending::Lapsed),
            state => (state, Vec::new()),
        },
        Event::Withdraw => match state {
            State::Offered { .. } => unused(Ending::Withdrawn),
            State::Ended { peer: None, .. } => (state, Vec::new()),
            _ => return Err(Refusal::TokenUsed),
        },
        Event::Tick => (state, Vec::new()),
    };
    effects.extend(more);
    Ok((next, effects))
}

/// The state as it is by now. What would take longer than it ever takes, was
/// written by a clock that was ahead; it gets the longest time from now on.
fn at(state: State, now: OffsetDateTime) -> (State, Vec<Effect>) {
    match state {
        State::Offered { expires_at } if now >= expires_at => unused(Ending::Expired),
        State::Pending { peer, confirm_by } if now >= confirm_by => end(peer, Ending::Lapsed),
        State::Offered { expires_at } => {
            let expires_at = expires_at.min(now + LONGEST_OFFER);
            (State::Offered { expires_at }, Vec::new())
        }
        State::Pending { peer, confirm_by } => {
            let confirm_by = confirm_by.min(now + CONFIRM_WITHIN);
            (State::Pending { peer, confirm_by }, Vec::new())
        }
        state => (state, Vec::new()),
    }
}

fn ask(
    state: State,
    peer: PeerIdentity,
    proven: bool,
    admissible: Result<(), Refusal>,
    now: OffsetDateTime,
) -> Result<(State, Vec<Effect>), Refusal> {
    // First of all, so that nobody learns anything of a token by its id alone.
    if !proven {
        return Err(Refusal::ProofWrong);
    }
    let accepted = |state| {
        let effects = vec![Effect::Issue(peer), Effect::Reply(Reply::Accepted)];
        Ok((state, effects))
    };
    match state {
        State::Offered { .. } => {
            admissible?;
            accepted(State::Pending {
                peer,
                confirm_by: now + CONFIRM_WITHIN,
            })
        }
        // Its own retry, whose first answer got lost.
        State::Pending { .. } | State::Joined { .. } if state.admitted() == Some(peer) => {
            accepted(state)
        }
        State::Ended {
            how: Ending::Expired,
            ..
        } => Err(Refusal::TokenExpired),
        State::Ended {
            how: Ending::Withdrawn,
            ..
        } => Err(Refusal::UnknownToken),
        State::Pending { .. } | State::Joined { .. } | State::Ended { .. } => {
            Err(Refusal::TokenUsed)
        }
    }
}

fn confirm(state: State, from: PeerIdentity) -> (State, Vec<Effect>) {
    match state {
        State::Pending { peer, .. } if peer == from => (
            State::Joined { peer },
            vec![Effect::Linked(peer), Effect::Reply(Reply::Member)],
        ),
        State::Joined { peer } if peer == from => (state, vec![Effect::Reply(Reply::Member)]),
        _ => not_known(state, from),
    }
}

fn leave(
    state: State,
    from: PeerIdentity,
    workloads: u32,
) -> Result<(State, Vec<Effect>), Refusal> {
    match state {
        State::Joined { peer } if peer == from && workloads > 0 => {
            Err(Refusal::InUse { workloads })
        }
        State::Pending { peer, .. } | State::Joined { peer } if peer == from => {
            let (state, mut effects) = end(peer, Ending::Left);
            effects.push(Effect::Reply(Reply::NotKnown(Some(Ending::Left))));
            Ok((state, effects))
        }
        _ => Ok(not_known(state, from)),
    }
}

/// What a host is told that is no member. Another one than the membership was
/// of learns nothing about it.
fn not_known(state: State, from: PeerIdentity) -> (State, Vec<Effect>) {
    match state {
        State::Ended {
            peer: Some(peer),
            how,
        } if peer == from => {
            let reply = Effect::Reply(Reply::NotKnown(Some(how)));
            let mut effects = vec![reply];
            if how == Ending::ForcedOut {
                effects.push(Effect::CameBack(peer));
            }
            (state, effects)
        }
        state => (state, vec![Effect::Reply(Reply::NotKnown(None))]),
    }
}

fn end(peer: PeerIdentity, how: Ending) -> (State, Vec<Effect>) {
    (
        State::Ended {
            peer: Some(peer),
            how,
        },
        vec![Effect::Revoke(peer), Effect::Unlinked(how)],
    )
}

fn unused(how: Ending) -> (State, Vec<Effect>) {
    (State::Ended { peer: None, how }, Vec::new())
}

/// Whether another membership of the same host stands in the way of a new one:
/// a member joins nobody, and another key with its name is not the same host.
/// A membership that is still pending does not, since whoever asks anew has
/// given it up; once the new one is let in, [`Event::Supersede`] ends the other
/// in the same transaction.
pub fn hindrance(other: &State, asks: PeerIdentity) -> Result<(), Refusal> {
    match other {
        State::Pending { peer, .. } if *peer == asks => Ok(()),
        State::Pending { peer, .. } | State::Joined { peer } if peer.host == asks.host => {
            Err(Refusal::AlreadyLinked)
        }
        _ => Ok(()),
    }
}

/// Whether a host may stop leading: only when nobody follows it, and nobody is
/// about to. Tokens that are still out are withdrawn with
/// [`Event::Withdraw`], in the same transaction.
pub fn stop_leading<'a>(memberships: impl IntoIterator<Item = &'a State>) -> Result<(), Refusal> {
    let followers = memberships
        .into_iter()
        .filter(|state| state.follows())
        .count();
    match u32::try_from(followers).unwrap_or(u32::MAX) {
        0 => Ok(()),
        followers => Err(Refusal::HasFollowers { followers }),
    }
}
