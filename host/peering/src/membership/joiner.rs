//! The side of the host that joins, follows and leaves.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Ending, Refusal, Reply, Request};
use crate::tls::PeerIdentity;

/// What a host keeps of its own membership. `link` is the token's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// It follows nobody, and may lead.
    #[default]
    Alone,
    /// It has asked with a token, and has no answer yet.
    Asking {
        /// The membership.
        link: Uuid,
    },
    /// It has kept its certificate, and confirms.
    Confirming {
        /// The membership.
        link: Uuid,
        /// Who let it in.
        leader: PeerIdentity,
    },
    /// It is a member.
    Following {
        /// The membership.
        link: Uuid,
        /// Whom it follows.
        leader: PeerIdentity,
    },
    /// It takes leave, until the leader has heard it.
    Leaving {
        /// The membership.
        link: Uuid,
        /// Whom it followed.
        leader: PeerIdentity,
    },
}

impl State {
    /// The membership that it is about.
    pub fn link(&self) -> Option<Uuid> {
        match *self {
            Self::Alone => None,
            Self::Asking { link }
            | Self::Confirming { link, .. }
            | Self::Following { link, .. }
            | Self::Leaving { link, .. } => Some(link),
        }
    }

    /// The leader, once it is known.
    pub fn leader(&self) -> Option<PeerIdentity> {
        match *self {
            Self::Alone | Self::Asking { .. } => None,
            Self::Confirming { leader, .. }
            | Self::Following { leader, .. }
            | Self::Leaving { leader, .. } => Some(leader),
        }
    }

    /// Whether this host may give out link tokens.
    pub fn may_lead(&self) -> bool {
        matches!(self, Self::Alone)
    }
}

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants this host to join.
    Join {
        /// The token's id.
        link: Uuid,
        /// How many hosts follow this one.
        followers: u32,
    },
    /// The leader has answered.
    Answer {
        /// The membership that it answers about.
        link: Uuid,
        /// Who answered, as TLS recognised it.
        leader: PeerIdentity,
        /// What it said.
        reply: Reply,
    },
    /// Somebody does not want to join any more, or the command that wanted to
    /// has gone; also when no address answers.
    GiveUp,
    /// Somebody wants this host to leave.
    Leave,
    /// The leader is lost for good, and this host does not wait for its word.
    /// Should it come back after all, it counts this host as unreachable until
    /// somebody forces it out there.
    Abandon,
    /// Another host of the group leads by now, and says that this one is its
    /// member.
    Moved {
        /// Which one, as TLS recognised it.
        leader: PeerIdentity,
    },
    /// It is time to try again, or the host has started.
    Wake,
}

/// What has to be done, after the new state is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Say this to the leader.
    Send {
        /// The membership.
        link: Uuid,
        /// What to say.
        request: Request,
    },
    /// Remove all that came with a membership: token, certificate, anchors,
    /// what the leader placed here. The host's own key stays. In vain if there
    /// is nothing.
    Forget,
    /// Tell people that the leader ended the membership, and how.
    Tell(Option<Ending>),
    /// Tell whoever waits that the leader said no.
    Refused(Refusal),
}

/// What an event makes of this host: the new state, and what to do. A refusal
/// changes nothing. There is no clock in it: whether something is too late, the
/// leader says.
pub fn step(state: &State, event: Event) -> Result<(State, Vec<Effect>), Refusal> {
    match event {
        Event::Join { link, followers } => join(*state, link, followers),
        Event::Answer {
            link,
            leader,
            reply,
        } => Ok(answer(*state, link, leader, reply)),
        Event::GiveUp => Ok(match *state {
            // The leader counts nobody who has not confirmed.
            State::Asking { .. } => alone(),
            // It may have heard the confirmation, so it has to hear of this.
            State::Confirming { link, leader } => awake(State::Leaving { link, leader }),
            state => (state, Vec::new()),
        }),
        Event::Leave => match *state {
            State::Following { link, leader } => Ok(awake(State::Leaving { link, leader })),
            State::Leaving { .. } => Ok(awake(*state)),
            State::Asking { .. } | State::Confirming { .. } => Err(Refusal::Busy),
            State::Alone => Err(Refusal::NotLinked),
        },
        Event::Abandon => match *state {
            State::Alone => Err(Refusal::NotLinked),
            _ => Ok(alone()),
        },
        Event::Moved { leader } => Ok(match *state {
            State::Following { link, .. } => awake(State::Following { link, leader }),
            State::Leaving { link, .. } => awake(State::Leaving { link, leader }),
            state => (state, Vec::new()),
        }),
        Event::Wake => Ok(awake(*state)),
    }
}

fn join(state: State, link: Uuid, followers: u32) -> Result<(State, Vec<Effect>), Refusal> {
    match state {
        State::Alone if followers > 0 => Err(Refusal::HasFollowers { followers }),
        State::Alone => Ok(awake(State::Asking { link })),
        // The same command once more, such as after it was interrupted.
        State::Asking { link: same } | State::Confirming { link: same, .. } if same == link => {
            Ok(awake(state))
        }
        State::Asking { .. } | State::Confirming { .. } | State::Leaving { .. } => {
            Err(Refusal::Busy)
        }
        State::Following { .. } => Err(Refusal::AlreadyLinked),
    }
}

fn answer(state: State, about: Uuid, from: PeerIdentity, reply: Reply) -> (State, Vec<Effect>) {
    if state.link() != Some(about) || state.leader().is_some_and(|leader| leader != from) {
        return (state, Vec::new());
    }
    match (state, reply) {
        (State::Asking { link }, Reply::Accepted) => {
            awake(State::Confirming { link, leader: from })
        }
        (State::Asking { .. }, Reply::AskRefused(refusal)) => {
            let (state, mut effects) = alone();
            effects.push(Effect::Refused(refusal));
            (state, effects)
        }
        (State::Confirming { link, leader }, Reply::Member) => {
            (State::Following { link, leader }, Vec::new())
        }
        (State::Leaving { link, leader }, Reply::LeaveRefused(refusal)) => (
            State::Following { link, leader },
            vec![Effect::Refused(refusal)],
        ),
        (State::Leaving { .. }, Reply::NotKnown(_)) => alone(),
        (State::Confirming { .. } | State::Following { .. }, Reply::NotKnown(how)) => {
            let (state, mut effects) = alone();
            effects.push(Effect::Tell(how));
            (state, effects)
        }
        // An answer to something that was said before.
        (state, _) => (state, Vec::new()),
    }
}

fn alone() -> (State, Vec<Effect>) {
    awake(State::Alone)
}

/// A state with what has to be done in it, again and again, until it is
/// another one.
fn awake(state: State) -> (State, Vec<Effect>) {
    let send = |link, request| vec![Effect::Send { link, request }];
    let effects = match state {
        State::Alone => vec![Effect::Forget],
        State::Asking { link } => send(link, Request::Ask),
        State::Confirming { link, .. } => send(link, Request::Confirm),
        State::Following { link, .. } => send(link, Request::Hello),
        State::Leaving { link, .. } => send(link, Request::Leave),
    };
    (state, effects)
}
