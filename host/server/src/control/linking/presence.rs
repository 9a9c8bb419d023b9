//! The leader's side: whether hosts are there, and that people hear of it. A member
//! has a question for news open all the time; when that breaks off and no other
//! comes, the host's process has most likely ended, which is shown long before
//! the silence is so long that instances are placed anew.

use std::time::Duration;

use muster_api::id::HostId;
use muster_peering::membership::presence::HEARTBEAT;
use muster_store::ChangeKind;

use super::{ControlError, Links};

/// A question for news that a member has open. It ends when this is dropped, which
/// happens as well when the connection breaks off.
pub(super) struct Listens {
    links: Links,
    host: HostId,
    since: Duration,
}

impl Drop for Listens {
    fn drop(&mut self) {
        let now = self.links.monotonic();
        if let Some(member) = self.links.memory().presence.get_mut(&self.host) {
            member.listened(self.since, now);
        }
    }
}

impl Links {
    /// Notes that a member waits for news.
    pub(super) fn listens(&self, host: HostId) -> Listens {
        let since = self.monotonic();
        if let Some(member) = self.memory().presence.get_mut(&host) {
            member.listens(since);
        }
        Listens {
            links: self.clone(),
            host,
            since,
        }
    }

    /// How long until a member may have to be shown as unreachable: a heartbeat at
    /// most.
    pub(super) fn until_next_look(&self) -> Duration {
        let now = self.monotonic();
        let memory = self.memory();
        let away = memory.presence.values().filter_map(|one| one.away_at());
        let next = away.filter(|at| *at > now).min();
        next.map_or(HEARTBEAT, |at| (at - now).min(HEARTBEAT))
    }

    /// Has the log of changes tell which members are not there any more, and which
    /// are again.
    pub(super) async fn tell_presence(&self) -> Result<(), ControlError> {
        let now = self.monotonic();
        let turned: Vec<HostId> = {
            let memory = self.memory();
            let turned = memory
                .presence
                .iter()
                .filter(|(_, one)| one.has_turned(now));
            turned.map(|(id, _)| *id).collect()
        };
        if turned.is_empty() {
            return Ok(());
        }
        let told = turned.clone();
        self.state()
            .write(move |tx| {
                Box::pin(async move {
                    for id in told {
                        tx.change_append("host", &id.to_string(), ChangeKind::Updated, None)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        let mut memory = self.memory();
        for id in turned {
            if let Some(one) = memory.presence.get_mut(&id) {
                one.told(now);
            }
        }
        Ok(())
    }
}
