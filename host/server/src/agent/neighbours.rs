//! The other hosts, as the data path reaches them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use muster_api::id::HostId;
use muster_ingress::{APPS_ALPN, Peer};
use time::OffsetDateTime;

use crate::{
    control::{error::ControlError, linking::Links},
    peers::state::Neighbour,
};

/// The other hosts. What is known of one stays with it until it has another
/// address, or this host another certificate.
#[derive(Default)]
pub(crate) struct Neighbours {
    known: Mutex<HashMap<HostId, Known>>,
}

struct Known {
    neighbour: Neighbour,
    papers: OffsetDateTime,
    peer: Arc<Peer>,
}

impl Neighbours {
    /// How these hosts are reached.
    pub(crate) fn peers(
        &self,
        links: &Links,
        hosts: &[Neighbour],
    ) -> Result<HashMap<HostId, Arc<Peer>>, ControlError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| hosts.iter().any(|host| host.id == *id));
        if hosts.is_empty() {
            return Ok(HashMap::new());
        }
        let Some((leaf, _)) = links.papers()? else {
            return Ok(HashMap::new());
        };
        for host in hosts {
            let same = known
                .get(&host.id)
                .is_some_and(|it| it.neighbour == *host && it.papers == leaf.not_after());
            if same {
                continue;
            }
            let config = links.dialling(host, &APPS_ALPN)?;
            let addresses = host.addresses.clone();
            let peer = Peer::new(host.id.0, &host.name, addresses, Arc::new(config));
            known.insert(
                host.id,
                Known {
                    neighbour: host.clone(),
                    papers: leaf.not_after(),
                    peer: Arc::new(peer),
                },
            );
        }
        Ok(known
            .iter()
            .map(|(id, known)| (*id, Arc::clone(&known.peer)))
            .collect())
    }
}
