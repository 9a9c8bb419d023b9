//! Connections to other hosts that wait for the next question: a handshake for
//! each block would cost as much as a small block itself.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use muster_api::id::HostId;
use time::OffsetDateTime;

use super::{dial::Caller, state::Neighbour};

/// How long one is kept that nobody uses: not as long as the other end does.
const IDLE: Duration = Duration::from_secs(5);

/// Connections that nobody uses for the moment.
#[derive(Default)]
pub(crate) struct Kept(HashMap<HostId, Idle>);

struct Idle {
    /// Whom they lead to; a host with another address or key is another one.
    neighbour: Neighbour,
    /// Until when the certificate was valid that they were opened with.
    papers: Option<OffsetDateTime>,
    callers: Vec<(Instant, Caller)>,
}

impl Kept {
    /// One to that host, opened with these papers.
    pub(crate) fn take(
        &mut self,
        host: &Neighbour,
        papers: Option<OffsetDateTime>,
    ) -> Option<Caller> {
        for idle in self.0.values_mut() {
            let fresh =
                |(since, caller): &(Instant, Caller)| since.elapsed() < IDLE && !caller.is_closed();
            idle.callers.retain(fresh);
        }
        self.0.retain(|_, idle| !idle.callers.is_empty());
        let idle = self.0.get_mut(&host.id)?;
        if idle.neighbour != *host || idle.papers != papers {
            self.0.remove(&host.id);
            return None;
        }
        idle.callers.pop().map(|(_, caller)| caller)
    }

    /// Keeps one whose answer is read to its end.
    pub(crate) fn keep(
        &mut self,
        host: &Neighbour,
        papers: Option<OffsetDateTime>,
        caller: Caller,
    ) {
        let fresh = || Idle {
            neighbour: host.clone(),
            papers,
            callers: Vec::new(),
        };
        let idle = self.0.entry(host.id).or_insert_with(fresh);
        if idle.neighbour != *host || idle.papers != papers {
            *idle = fresh();
        }
        idle.callers.push((Instant::now(), caller));
    }
}
