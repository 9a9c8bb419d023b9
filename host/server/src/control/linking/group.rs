//! The group as this host sees it: who is in it, how they are dialled, and what
//! part this host has.

use std::{
    collections::BTreeMap,
    iter,
    sync::{Arc, PoisonError},
};

use muster_api::{bundles::ContentProgress, hosts::About, id::HostId};
use muster_blocks::Blocks;
use muster_peering::{
    Anchors, Leaf,
    membership::{joiner, presence::Health},
    tls::{PeerIdentity, client_config},
};
use muster_planner::Condition;
use muster_store::StoreError;
use rustls::ClientConfig;

use super::{ControlError, Links, Served, WorksOn, damaged, no_leader, telling::Followed};
use crate::{
    control::placing::Site,
    peers::{
        blocks::Nearness,
        kept::Kept,
        state::{Entrance, Entrances, Neighbour},
    },
    roles::catalog::ALONE,
};

/// What part this host has in its group.
pub(crate) enum Part {
    /// There is nobody else.
    Alone,
    /// It decides what runs where.
    Leads(Vec<Member>),
    /// It does what its leader has told last.
    Follows(Arc<Followed>),
}

/// A follower, as the leader places instances on it.
pub(crate) struct Member {
    pub(crate) neighbour: Neighbour,
    pub(crate) about: About,
    /// Whether nothing is heard of it any more.
    pub(crate) lost: bool,
}

impl Links {
    /// What part this host has at the moment.
    pub(crate) async fn part(&self) -> Result<Part, StoreError> {
        let (state, leads, followed) = {
            let memory = self.memory();
            if memory.works_on == WorksOn::None {
                return Ok(Part::Follows(memory.followed.clone()));
            }
            let followed = memory.followed.clone();
            (memory.own.state, memory.lead.is_some(), followed)
        };
        if leads {
            let members = self.joined().await?;
            return Ok(if members.is_empty() {
                Part::Alone
            } else {
                Part::Leads(members)
            });
        }
        match state {
            joiner::State::Alone | joiner::State::Asking { .. } => Ok(Part::Alone),
            joiner::State::Confirming { .. }
            | joiner::State::Following { .. }
            | joiner::State::Leaving { .. } => Ok(Part::Follows(followed)),
        }
    }

    /// What the leader has told last; empty unless this host follows one.
    pub(crate) fn followed(&self) -> Arc<Followed> {
        let memory = self.memory();
        // Whoever leads keeps what it tells for the time after.
        if memory.works_on == WorksOn::Shared {
            return Arc::default();
        }
        Arc::clone(&memory.followed)
    }

    /// That this host decides on its apps, routes and bundles itself.
    ///
    /// # Errors
    /// If it has a leader, which does.
    pub(crate) fn decides(&self) -> Result<(), ControlError> {
        if self.stands_by() {
            return Err(no_leader());
        }
        let memory = self.memory();
        // What it has told the leader of itself must stay true.
        if matches!(memory.own.state, joiner::State::Asking { .. }) {
            return Err(ControlError::Conflict {
                code: "busy",
                message: "the host is just being linked".to_owned(),
                remedy: "try again in a moment".to_owned(),
            });
        }
        if memory.leader().is_none() {
            return Ok(());
        }
        let leader = memory.own.leader.clone().unwrap_or_default();
        Err(ControlError::Conflict {
            code: "host-follows",
            message: format!(
                "this host follows {}, which decides on apps, routes and bundles",
                leader.name
            ),
            remedy: format!(
                "log in there, or take this host out of the group with: muster link leave; {} is at {}",
                leader.name,
                leader.addresses.join(", ")
            ),
        })
    }

    /// This host, for life.
    pub(crate) fn id(&self) -> HostId {
        self.0.host
    }

    /// The port on which peers are listened to.
    pub(crate) fn port_number(&self) -> u16 {
        self.0.options.peers.port()
    }

    /// Where this host is about to move.
    pub(crate) fn next_addresses(&self) -> Vec<String> {
        self.memory().next_addresses.clone()
    }

    /// Tells the others of another name or, if there are some, other addresses.
    pub(crate) async fn moves_to(&self, next: Option<Vec<String>>) -> Result<(), ControlError> {
        if let Some(next) = next {
            self.memory().next_addresses = next;
            self.note_addresses().await?;
        }
        self.0.wake.notify_one();
        Ok(())
    }

    /// What the leader that this host follows is called.
    pub(crate) fn leader_name(&self) -> Option<String> {
        let memory = self.memory();
        let leader = memory.own.leader.as_ref().filter(|_| memory.lead.is_none());
        leader.map(|it| it.name.clone())
    }

    async fn joined(&self) -> Result<Vec<Member>, StoreError> {
        let mut all = self.state().host_all().await?;
        all.retain(|host| host.id != self.0.host);
        let now = self.monotonic();
        let memory = self.memory();
        let members = all.into_iter().filter_map(|host| {
            let health = memory.presence.get(&host.id)?.health(now);
            Some(Member {
                neighbour: Neighbour {
                    id: host.id,
                    name: host.name,
                    fingerprint: host.fingerprint.parse().ok()?,
                    addresses: host.about.addresses.clone(),
                },
                about: host.about,
                lost: health == Health::Unreachable,
            })
        });
        Ok(members.collect())
    }

    /// This host, as the others have to know it.
    pub(crate) fn myself(&self) -> Neighbour {
        Neighbour {
            id: self.0.host,
            name: self.0.name.get(),
            fingerprint: self.0.key.fingerprint(),
            addresses: self.memory().own.addresses.list.clone(),
        }
    }

    /// This host, as instances are placed on it.
    pub(crate) async fn site(&self, condition: Condition) -> Site {
        Site::of(
            self.0.host,
            &self.0.name.get(),
            &self.about().await,
            condition,
        )
    }

    /// By which hosts requests come into the group.
    pub(crate) async fn entrances(&self, members: &[Member]) -> Result<Entrances, StoreError> {
        let draining = self.draining().await?;
        let (mine, own) = (self.myself(), self.about().await);
        let others = members.iter().map(|it| (&it.neighbour, &it.about));
        let mut entrances = Entrances::default();
        for (host, about) in iter::once((&mine, &own)).chain(others) {
            let entrance = Entrance {
                host: host.id,
                name: host.name.clone(),
                apps: about.apps.clone(),
                addresses: host.addresses.clone(),
                draining: draining.contains(&host.id),
            };
            if about.roles.iter().any(|role| role == ALONE) {
                entrances.balancers.push(entrance);
            } else if !about.apps.is_empty() {
                entrances.routers.push(entrance);
            }
        }
        Ok(entrances)
    }

    /// The other hosts of the group.
    pub(crate) async fn neighbours(&self) -> Result<Vec<Neighbour>, StoreError> {
        let mut all = match self.part().await? {
            Part::Alone => Vec::new(),
            Part::Leads(members) => members.into_iter().map(|it| it.neighbour).collect(),
            Part::Follows(followed) => followed.state.hosts.clone(),
        };
        all.retain(|it| it.id != self.0.host);
        Ok(all)
    }

    /// How another host of the group is dialled.
    pub(crate) fn dialling(
        &self,
        host: &Neighbour,
        alpn: &[&[u8]],
    ) -> Result<ClientConfig, ControlError> {
        let (leaf, anchors) = self.papers()?.ok_or_else(|| {
            ControlError::Internal("a host that stands alone has nobody to dial".to_owned())
        })?;
        client_config(&leaf, &self.0.key, &anchors, host.id.0, alpn).map_err(damaged)
    }

    /// What this host shows others, and whom it believes. Another certificate
    /// makes other papers.
    pub(crate) fn papers(&self) -> Result<Option<(Leaf, Anchors)>, ControlError> {
        let (own, lead) = {
            let memory = self.memory();
            (memory.own.clone(), memory.lead.clone())
        };
        match lead {
            Some(lead) => {
                let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
                Ok(Some((leaf, self.anchors(&lead)?)))
            }
            None => own.papers(),
        }
    }

    /// Whether a host is in the group at this moment.
    pub(crate) fn admits(&self, peer: PeerIdentity) -> bool {
        let members = self.0.members.read();
        let members = members.unwrap_or_else(PoisonError::into_inner);
        members.get(&peer.host) == Some(&peer.fingerprint) || self.memory().leader() == Some(peer)
    }

    /// Whether that host is the one that this one follows.
    pub(crate) fn is_led_by(&self, peer: PeerIdentity) -> bool {
        self.memory().leader() == Some(peer)
    }

    /// What the leader may ask of this host, once it serves.
    pub(crate) fn served(&self) -> Option<Arc<Served>> {
        self.0.served.load_full()
    }

    /// The host serves.
    pub(crate) fn serve(&self, served: Served) {
        self.0.served.store(Some(Arc::new(served)));
    }

    pub(crate) fn blocks(&self) -> &Blocks {
        &self.0.blocks
    }

    pub(crate) fn nearness(&self) -> std::sync::MutexGuard<'_, Nearness> {
        self.0
            .nearness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections to other hosts that nobody uses for the moment.
    pub(crate) fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this host has of the group's content, as it was noted last.
    pub(crate) fn content(&self) -> ContentProgress {
        self.memory().content.clone()
    }

    /// Notes what this host has of the group's content, for the next heartbeat;
    /// which comes at once if it is `urgent`.
    pub(crate) fn note_content(&self, content: ContentProgress, urgent: bool) {
        let mut memory = self.memory();
        if memory.content != content {
            memory.content = content;
            drop(memory);
            if urgent {
                self.0.wake.notify_one();
            }
        }
    }

    /// Which hosts are in the group, and whether each is heard.
    pub(crate) fn heard_of(members: &[Member]) -> BTreeMap<HostId, bool> {
        members
            .iter()
            .map(|it| (it.neighbour.id, !it.lost))
            .collect()
    }

    /// Notes which of the leader's settings count here, for the next heartbeat.
    pub(crate) fn note_settings(&self, digest: Option<String>) {
        let mut memory = self.memory();
        if memory.settings != digest {
            memory.settings = digest;
            drop(memory);
            self.0.wake.notify_one();
        }
    }
}
