//! What is placed on each host, in sums.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::amounts::Amounts;
use crate::snapshot::{Placement, Snapshot};

/// What a host can hold and what is placed there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUse {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// What it can hold.
    pub capacity: Amounts,
    /// What its instances take together; more than `capacity` where that was reduced.
    pub used: Amounts,
    /// How many instances are placed there, those of releases that nobody wants any more
    /// included; what these take is not known and not in `used`.
    pub instances: u32,
}

impl HostUse {
    /// What more it can hold.
    #[must_use]
    pub fn free(&self) -> Amounts {
        self.capacity.minus(self.used)
    }
}

/// What is placed on each host, by the order of host ids. Whatever the snapshot has as placed
/// counts, also what has not started yet and what is about to stop.
#[must_use]
pub fn usage(snapshot: &Snapshot) -> Vec<HostUse> {
    let mut hosts: Vec<HostUse> = snapshot
        .hosts
        .iter()
        .map(|host| HostUse {
            host: host.id,
            name: host.name.clone(),
            capacity: host.capacity(),
            used: Amounts::default(),
            instances: 0,
        })
        .collect();
    hosts.sort_by_key(|it| it.host);
    hosts.dedup_by_key(|it| it.host);
    let at: HashMap<Uuid, usize> = hosts
        .iter()
        .enumerate()
        .map(|(n, it)| (it.host, n))
        .collect();
    let needs: HashMap<Uuid, Amounts> = snapshot
        .apps
        .iter()
        .map(|app| (app.release, app.needs()))
        .collect();
    for placement in in_order(&snapshot.placed) {
        let Some(&n) = at.get(&placement.host) else {
            continue;
        };
        let needs = needs.get(&placement.release).copied().unwrap_or_default();
        hosts[n].used = hosts[n].used.plus(needs);
        hosts[n].instances = hosts[n].instances.saturating_add(1);
    }
    hosts
}

/// Placements by release, index and host, each once.
pub(crate) fn in_order(placed: &[Placement]) -> Vec<Placement> {
    let mut placed = placed.to_vec();
    placed.sort_unstable_by_key(|it| (it.release, it.index, it.host, !it.running));
    placed.dedup_by_key(|it| (it.release, it.index, it.host));
    placed
}
