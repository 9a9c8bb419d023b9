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

#[cfg(test)]
mod tests {
    use muster_peering::HostKey;
    use tokio::io::DuplexStream;

    use super::*;

    fn host() -> Neighbour {
        Neighbour {
            id: HostId(uuid::Uuid::new_v4()),
            name: "other".to_owned(),
            fingerprint: HostKey::generate().unwrap().fingerprint(),
            addresses: vec!["192.0.2.1:7444".to_owned()],
        }
    }

    async fn caller() -> (Caller, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        (Caller::on(ours).await.unwrap(), theirs)
    }

    #[tokio::test]
    async fn a_connection_is_for_one_host_as_it_was_dialled() {
        let (host, papers) = (host(), Some(OffsetDateTime::UNIX_EPOCH));
        let mut kept = Kept::default();
        let moved = Neighbour {
            addresses: vec!["192.0.2.2:7444".to_owned()],
            ..host.clone()
        };
        let (first, _open) = caller().await;
        kept.keep(&host, papers, first);
        assert!(kept.take(&self::host(), papers).is_none());
        assert!(kept.take(&host, papers).is_some());
        assert!(kept.take(&host, papers).is_none(), "it is in use");

        for (asked, shown) in [(&moved, papers), (&host, None)] {
            let (one, _open) = caller().await;
            kept.keep(&host, papers, one);
            assert!(kept.take(asked, shown).is_none());
            assert!(kept.take(&host, papers).is_none(), "it was dropped");
        }
    }

    #[tokio::test]
    async fn a_connection_that_the_other_end_closed_is_dropped() {
        let (host, mut kept) = (host(), Kept::default());
        let (one, open) = caller().await;
        kept.keep(&host, None, one);
        drop(open);
        // Only the connection's own task can learn of it.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(kept.take(&host, None).is_none());
    }
}
