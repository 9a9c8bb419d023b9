//! Where hosts are, and how that gets about.

use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use muster_api::id::HostId;
use muster_peering::{
    Leaf,
    membership::presence::{HEARTBEAT, Health},
    tls::{PeerIdentity, client_config},
};

use super::{ControlError, Links, damaged};
use crate::peers::{Patience, WORDS_ALPN, call, words::Whereabouts};

/// How much is waited for hosts that may know where the leader is: whoever needs
/// to know has waited for the leader before.
const HEARSAY: Patience = Patience {
    whole: Duration::from_secs(3),
    answer: 64 << 10,
};

impl Links {
    /// Notes where this host is.
    pub(super) async fn note_addresses(&self) -> Result<(), ControlError> {
        let list = self.addresses_now();
        let (changed, own) = {
            let mut memory = self.memory();
            let known = memory.own.addresses.generation;
            (memory.own.addresses.set(list, known), memory.own.clone())
        };
        if changed {
            self.keep(own).await?;
        }
        Ok(())
    }

    /// This host's name and addresses.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            name: self.0.name.get(),
            addresses: self.memory().own.addresses.list.clone(),
        }
    }

    /// Tells followers where the leader is: all of them when it has started or
    /// moved, and otherwise those that cannot find it.
    pub(super) async fn announce(&self) -> Result<(), ControlError> {
        let (lead, moved) = {
            let mut memory = self.memory();
            let Some(lead) = memory.lead.clone() else {
                return Ok(());
            };
            let now = Some(memory.own.addresses.list.clone());
            let moved = memory.announced != now;
            let lately = memory
                .announced_at
                .is_some_and(|at| at.elapsed() < HEARTBEAT);
            if lately && !moved {
                return Ok(());
            }
            memory.announced = now;
            memory.announced_at = Some(Instant::now());
            (lead, moved)
        };
        let now = self.monotonic();
        let silent = |links: &Self, id| {
            let memory = links.memory();
            let since = memory.presence.get(&id).map(|one| one.health(now));
            since == Some(Health::Unreachable)
        };
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        let anchors = self.anchors(&lead)?;
        for host in self.state().host_all().await? {
            if host.id == self.0.host || !moved && !silent(self, host.id) {
                continue;
            }
            let config = client_config(&leaf, &self.0.key, &anchors, host.id.0, WORDS_ALPN);
            let (config, here) = (config.map_err(damaged)?, self.whereabouts());
            tokio::spawn(async move {
                let told = call::<_, ()>(
                    &host.about.addresses,
                    config,
                    "/peer/v1/here",
                    Patience::WORDS,
                    |_| here,
                )
                .await;
                if let Err(error) = told {
                    tracing::debug!(host = host.name, %error, "a follower was not told where the leader is");
                }
            });
        }
        Ok(())
    }

    /// Where else the leader may be, by what other hosts of the group have heard
    /// of it. It is recognised by its key there like anywhere; nothing is kept
    /// before it has answered itself.
    pub(super) async fn hearsay(&self, tried: &[String]) -> Vec<String> {
        let leader = self.memory().leader();
        let others = self.neighbours().await.unwrap_or_default();
        let mut asked: FuturesUnordered<_> = others
            .iter()
            .filter(|other| leader.is_none_or(|leader| leader.host != other.id.0))
            .map(async |other| {
                let config = self.dialling(other, WORDS_ALPN).ok()?;
                let path = "/peer/v1/whereabouts";
                let told =
                    call::<_, Option<Whereabouts>>(&other.addresses, config, path, HEARSAY, |_| ());
                match told.await {
                    Ok((told, _)) => Some(told?.addresses),
                    Err(error) => {
                        tracing::debug!(host = other.name, %error, "it does not say where the leader is");
                        None
                    }
                }
            })
            .collect();
        let mut heard = Vec::new();
        while let Some(told) = asked.next().await {
            for address in told.into_iter().flatten() {
                if !tried.contains(&address) && !heard.contains(&address) {
                    heard.push(address);
                }
            }
        }
        tracing::debug!(asked = others.len(), ?heard, "the leader may be elsewhere");
        heard
    }

    /// Tells another host of the group where its leader is, as far as this one
    /// knows.
    pub(crate) fn where_leader_is(&self) -> Option<Whereabouts> {
        let memory = self.memory();
        if memory.lead.is_some() {
            drop(memory);
            return Some(self.whereabouts());
        }
        memory.leader().and(memory.own.leader.clone())
    }

    /// The leader says where it is.
    pub(crate) async fn leader_is(
        &self,
        peer: PeerIdentity,
        leader: Whereabouts,
    ) -> Result<(), ControlError> {
        if self.control_plane().contains(&HostId(peer.host)) && !self.is_led_by(peer) {
            // It leads by now, perhaps: the one before will say so, or nothing.
            self.0.wake.notify_one();
            return Ok(());
        }
        let own = {
            let mut memory = self.memory();
            if memory.leader() != Some(peer)
                || leader.addresses.is_empty()
                || memory.own.leader.as_ref() == Some(&leader)
            {
                return Ok(());
            }
            memory.own.leader = Some(leader);
            memory.own.clone()
        };
        self.keep(own).await?;
        self.0.wake.notify_one();
        Ok(())
    }
}
