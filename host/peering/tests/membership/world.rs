//! A leader, some hosts, and a network between them that does what it likes.

use std::collections::{BTreeMap, BTreeSet};

use muster_peering::{
    Pin,
    membership::{Ending, Refusal, Reply, Request, joiner, leader},
    tls::PeerIdentity,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub const TOKEN_LIFE: Duration = Duration::minutes(2);

pub fn peer(host: u128) -> PeerIdentity {
    PeerIdentity {
        host: Uuid::from_u128(host),
        fingerprint: Pin::of_public_key(&host.to_be_bytes()),
    }
}

pub fn link(number: usize) -> Uuid {
    Uuid::from_u128(1_000 + number as u128)
}

pub const LEADER: u128 = 99;

/// What a host has on its disk.
#[derive(Debug, Clone)]
pub struct Host {
    pub peer: PeerIdentity,
    pub state: joiner::State,
    /// The membership that token and certificate on the disk are of.
    pub holds: Option<Uuid>,
}

#[derive(Debug, Clone)]
pub enum Packet {
    Request {
        from: usize,
        link: Uuid,
        request: Request,
    },
    Reply {
        to: usize,
        link: Uuid,
        reply: Reply,
    },
}

#[derive(Debug)]
pub struct World {
    pub now: OffsetDateTime,
    pub leader: BTreeMap<Uuid, leader::State>,
    pub hosts: Vec<Host>,
    pub network: Vec<Packet>,
    /// Every key that ever got a certificate by a token.
    pub issued: BTreeMap<Uuid, BTreeSet<Pin>>,
    /// Whether the next step is written, and what follows from it not done.
    pub crashes: bool,
    /// How many workloads are placed on every host.
    pub workloads: u32,
    /// What the leader refused.
    pub refused: Vec<Refusal>,
}

impl World {
    pub fn new(hosts: u128) -> Self {
        Self {
            now: OffsetDateTime::UNIX_EPOCH + Duration::days(20_000),
            leader: BTreeMap::new(),
            hosts: (1..=hosts)
                .map(|host| Host {
                    peer: peer(host),
                    state: joiner::State::Alone,
                    holds: None,
                })
                .collect(),
            network: Vec::new(),
            issued: BTreeMap::new(),
            crashes: false,
            workloads: 0,
            refused: Vec::new(),
        }
    }

    pub fn offer(&mut self, number: usize) {
        let expires_at = self.now + TOKEN_LIFE;
        self.leader
            .entry(link(number))
            .or_insert(leader::State::Offered { expires_at });
    }

    pub fn join(&mut self, host: usize, number: usize) {
        self.host(
            host,
            joiner::Event::Join {
                link: link(number),
                followers: 0,
            },
        );
    }

    /// Something happens to a host.
    pub fn host(&mut self, at: usize, event: joiner::Event) {
        let host = &mut self.hosts[at];
        let Ok((state, effects)) = joiner::step(&host.state, event) else {
            return;
        };
        if let (joiner::State::Asking { link }, joiner::State::Alone) = (state, host.state) {
            // The token is written down together with the state.
            host.holds = Some(link);
        }
        host.state = state;
        if std::mem::take(&mut self.crashes) {
            return;
        }
        for effect in effects {
            match effect {
                joiner::Effect::Send { link, request } => {
                    self.network.push(Packet::Request {
                        from: at,
                        link,
                        request,
                    });
                }
                joiner::Effect::Forget => self.hosts[at].holds = None,
                joiner::Effect::Tell(_) | joiner::Effect::Refused(_) => {}
            }
        }
    }

    /// Something happens on the leader. Answers go to `to`.
    pub fn lead(&mut self, link: Uuid, event: leader::Event, to: Option<usize>) {
        let asked = matches!(event, leader::Event::Ask { .. });
        let Some(state) = self.leader.get(&link).copied() else {
            let reply = if asked {
                Reply::AskRefused(Refusal::UnknownToken)
            } else {
                Reply::NotKnown(None)
            };
            self.reply(to, link, reply);
            return;
        };
        let (next, effects) = match leader::step(&state, event, self.now) {
            Ok(step) => step,
            Err(refusal) => {
                self.refused.push(refusal.clone());
                let reply = if asked {
                    Reply::AskRefused(refusal)
                } else {
                    Reply::LeaveRefused(refusal)
                };
                self.reply(to, link, reply);
                return;
            }
        };
        let was_over = matches!(state, leader::State::Ended { .. });
        assert!(
            !was_over || state == next,
            "an end is for ever: {state:?} {next:?}"
        );
        if let (Some(before), Some(after)) = (state.admitted(), next.admitted()) {
            assert_eq!(before, after, "a membership is one host's");
        }
        self.leader.insert(link, next);
        if let (leader::State::Offered { .. }, Some(peer)) = (state, next.admitted()) {
            self.supersede(peer, link);
        }
        if std::mem::take(&mut self.crashes) {
            return;
        }
        for effect in effects {
            match effect {
                leader::Effect::Issue(peer) => {
                    let keys = self.issued.entry(link).or_default();
                    keys.insert(peer.fingerprint);
                    assert_eq!(keys.len(), 1, "a token is for one key");
                }
                leader::Effect::Reply(reply) => self.reply(to, link, reply),
                leader::Effect::Revoke(peer) => {
                    assert_ne!(next.admitted(), Some(peer));
                }
                leader::Effect::Linked(_)
                | leader::Effect::Unlinked(_)
                | leader::Effect::CameBack(_) => {}
            }
        }
    }

    fn reply(&mut self, to: Option<usize>, link: Uuid, reply: Reply) {
        self.network
            .extend(to.map(|to| Packet::Reply { to, link, reply }));
    }

    /// A packet arrives.
    pub fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::Reply { to, link, reply } => {
                let answer = joiner::Event::Answer {
                    link,
                    leader: peer(LEADER),
                    reply,
                };
                self.host(to, answer);
            }
            Packet::Request {
                from,
                link,
                request,
            } => {
                let peer = self.hosts[from].peer;
                let event = match request {
                    Request::Ask => leader::Event::Ask {
                        peer,
                        proven: true,
                        admissible: self.admissible(peer, link),
                    },
                    Request::Confirm | Request::Hello => leader::Event::Confirm { peer },
                    Request::Leave => leader::Event::Leave {
                        peer,
                        workloads: self.workloads,
                    },
                };
                self.lead(link, event, Some(from));
            }
        }
    }

    fn admissible(&self, peer: PeerIdentity, link: Uuid) -> Result<(), Refusal> {
        self.leader
            .iter()
            .filter(|(other, _)| **other != link)
            .try_for_each(|(_, state)| leader::hindrance(state, peer))
    }

    /// What belongs into the transaction that lets a host in.
    fn supersede(&mut self, peer: PeerIdentity, link: Uuid) {
        for (other, state) in &mut self.leader {
            if *other != link && state.admitted() == Some(peer) {
                let (next, _) = leader::step(state, leader::Event::Supersede, self.now).unwrap();
                *state = next;
            }
        }
    }

    pub fn tick(&mut self) {
        for link in self.leader.keys().copied().collect::<Vec<_>>() {
            self.lead(link, leader::Event::Tick, None);
        }
    }

    /// From now on nothing gets lost, and everybody has time.
    pub fn heal(&mut self) {
        self.crashes = false;
        self.workloads = 0;
        for _ in 0..30 {
            for packet in std::mem::take(&mut self.network) {
                self.arrive(packet);
            }
            self.tick();
            for host in 0..self.hosts.len() {
                self.host(host, joiner::Event::Wake);
            }
            self.now += Duration::seconds(10);
        }
    }

    /// Both sides agree, and nothing is left of what did not come about.
    pub fn assert_agreed(&self) {
        for host in &self.hosts {
            let counted: Vec<_> = self
                .leader
                .iter()
                .filter(|(_, state)| state.admitted() == Some(host.peer))
                .map(|(link, _)| *link)
                .collect();
            match host.state {
                joiner::State::Following { link, .. } => {
                    assert_eq!(counted, [link], "{self:#?}");
                    assert_eq!(host.holds, Some(link));
                }
                joiner::State::Alone => {
                    assert!(counted.is_empty(), "{self:#?}");
                    assert_eq!(host.holds, None, "{self:#?}");
                }
                _ => panic!("in between for ever: {self:#?}"),
            }
        }
        for state in self.leader.values() {
            assert!(!matches!(state, leader::State::Pending { .. }), "{self:#?}");
        }
    }

    pub fn following(&self, host: usize) -> bool {
        matches!(self.hosts[host].state, joiner::State::Following { .. })
    }

    pub fn ended(&self, number: usize) -> Option<Ending> {
        match self.leader.get(&link(number)) {
            Some(leader::State::Ended { how, .. }) => Some(*how),
            _ => None,
        }
    }
}
