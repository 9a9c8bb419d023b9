//! The port for peers: open while this host leads or follows, closed otherwise.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use muster_ingress::Admit;
use muster_peering::{
    Anchors, Leaf, Pin,
    tls::{Members, PeerIdentity, server_config},
};
use rustls::ServerConfig;
use uuid::Uuid;

use super::{ControlError, Links, damaged};
use crate::peers::{ALPN, Listening};

/// The leader's own lists: who is a member, and who was one.
struct Followers {
    members: Arc<RwLock<HashMap<Uuid, Pin>>>,
    former: Arc<RwLock<HashSet<PeerIdentity>>>,
}

impl Members for Followers {
    fn admits(&self, host: Uuid, fingerprint: Pin) -> bool {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.get(&host) == Some(&fingerprint)
    }

    fn knew(&self, host: Uuid, fingerprint: Pin) -> bool {
        let former = self.former.read().unwrap_or_else(PoisonError::into_inner);
        former.contains(&PeerIdentity { host, fingerprint })
    }

    fn is_leader(&self) -> bool {
        true
    }
}

impl Links {
    /// Opens, changes or closes the port, as this host now stands.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(super) async fn open_port(&self) -> Result<(), ControlError> {
        let mut port = self.0.port.lock().await;
        let Some(config) = self.port_config()? else {
            *port = None;
            return Ok(());
        };
        if let Some(listening) = port.as_ref() {
            listening.replace(config);
            return Ok(());
        }
        let address = self.0.options.peers;
        let opened = Listening::start(
            address,
            config,
            self.router(),
            (self.0.door.clone(), self.admission()),
        )
        .await;
        let opened = opened.map_err(|error| ControlError::Conflict {
            code: "peers-port-taken",
            message: format!("cannot listen for peers on {address}: {error}"),
            remedy: "choose another address with --peers".to_owned(),
        })?;
        tracing::info!(address = %opened.address(), "peers can connect");
        *port = Some(opened);
        Ok(())
    }

    /// Where peers are listened to, or would be, and whether they are now; none if
    /// this host may not be linked.
    pub(crate) async fn peers_port(&self) -> Option<(SocketAddr, bool)> {
        let listening = self.0.port.lock().await;
        let listening = listening.as_ref().map(Listening::address);
        let options = &self.0.options;
        let would = options.multi_node.then_some((options.peers, false));
        listening.map(|address| (address, true)).or(would)
    }

    /// The other hosts of the group by name, with where they say they are.
    pub(crate) async fn elsewhere(&self) -> Result<Vec<(String, Vec<String>)>, ControlError> {
        let mut all: Vec<_> = self
            .neighbours()
            .await?
            .into_iter()
            .map(|host| (host.name, host.addresses))
            .collect();
        // A host that was just linked has not been told of the others yet.
        let leader = {
            let memory = self.memory();
            let follows = memory.leader().is_some();
            memory.own.leader.clone().filter(|_| follows)
        };
        all.extend(leader.map(|leader| (leader.name, leader.addresses)));
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// How the data path finds out who is in the group.
    fn admission(&self) -> Admit {
        let links = self.clone();
        Arc::new(move |connection| {
            let peer = PeerIdentity::of(connection).ok().flatten()?;
            // Whoever was a member once has nothing to ask for here.
            let links = links.admits(peer).then(|| links.clone())?;
            Some(Box::new(move || links.admits(peer)))
        })
    }

    fn port_config(&self) -> Result<Option<ServerConfig>, ControlError> {
        let (own, lead) = {
            let memory = self.memory();
            (memory.own.clone(), memory.lead.clone())
        };
        let (leaf, anchors, members): (Leaf, Anchors, Arc<dyn Members>) = if let Some(lead) = lead {
            let anchors = self.anchors(&lead)?;
            let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
            (
                leaf,
                anchors,
                Arc::new(Followers {
                    members: Arc::clone(&self.0.members),
                    former: Arc::clone(&self.0.former),
                }),
            )
        } else if let (Some((leaf, anchors)), Some(leader)) = (own.papers()?, own.state.leader()) {
            let others = Arc::clone(&self.0.members);
            let known = move |host, fingerprint| {
                let others = others.read().unwrap_or_else(PoisonError::into_inner);
                PeerIdentity { host, fingerprint } == leader
                    || others.get(&host) == Some(&fingerprint)
            };
            (leaf, anchors, Arc::new(known))
        } else {
            return Ok(None);
        };
        server_config(&leaf, &self.0.key, &anchors, members, ALPN)
            .map(Some)
            .map_err(damaged)
    }

    /// Takes the list of members from the store's.
    pub(super) fn admit(&self, admitted: impl IntoIterator<Item = PeerIdentity>) {
        let list = admitted
            .into_iter()
            .map(|peer| (peer.host, peer.fingerprint))
            .collect();
        *self
            .0
            .members
            .write()
            .unwrap_or_else(PoisonError::into_inner) = list;
    }
}
