//! Several control-plane hosts share the group's state, and one of them leads. Here
//! is how a host takes that over and gives it up, and how members find the one
//! that leads by now.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use futures::stream::{FuturesUnordered, StreamExt};
use muster_api::id::{HostId, LinkId};
use muster_identity::seal::Sealer;
use muster_peering::{
    Leaf,
    membership::{Reply, leader},
    tls::{PeerIdentity, leader_config},
};
use muster_store::{HostRecord, MembershipRecord, Store};
use rustls::ClientConfig;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    ControlError, Links, WorksOn, damaged,
    leading::{LEAF_LIFE, value},
    own::{self, Kept, Lead},
    telling::Telling,
};
use crate::{
    control::state::State,
    peers::{
        Patience, WORDS_ALPN, call,
        state::{Neighbour, News},
        words::{Said, Say},
    },
};

/// How much is waited for each host that may lead by now.
const SUCCESSOR: Patience = Patience {
    whole: Duration::from_secs(4),
    answer: 1 << 20,
};

/// Who leads by now, and what it has answered.
pub(super) struct Successor {
    pub(super) leader: PeerIdentity,
    pub(super) said: Said,
    pub(super) sent: OffsetDateTime,
    pub(super) began: Instant,
}

impl Links {
    /// Where the group's state is, as far as this host works on it; its own state
    /// otherwise.
    pub(crate) fn state(&self) -> Store {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        state.store.clone()
    }

    /// What seals secrets in [`state`](Self::state).
    pub(super) fn state_sealer(&self) -> Sealer {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        state.sealer.clone()
    }

    /// Says that this host shares a state with others, and does not lead yet; or that
    /// it has nothing but its own.
    pub(crate) fn shares_state(&self, shares: bool) {
        self.memory().works_on = match shares {
            true => WorksOn::None,
            false => WorksOn::Its,
        };
    }

    /// Whether this host is one of those that share a state, and does not lead.
    pub(crate) fn stands_by(&self) -> bool {
        self.memory().works_on == WorksOn::None
    }

    /// Says who has the lease on the state that this host shares.
    pub(crate) fn lease_is_of(&self, holder: Option<HostId>) {
        let mut memory = self.memory();
        memory.lease = holder;
        let leader = memory.leader().map(|leader| HostId(leader.host));
        if holder.is_some() && leader.is_some() && leader != holder {
            drop(memory);
            self.0.wake.notify_one();
        }
    }

    /// Whether whom this host follows does not have the lease any more.
    pub(super) fn is_succeeded(&self) -> bool {
        let memory = self.memory();
        let leader = memory.leader().map(|leader| HostId(leader.host));
        memory.works_on == WorksOn::None && memory.lease.is_some() && memory.lease != leader
    }

    /// Whether what is to run has to be kept here as well as where the state is.
    pub(crate) fn works_elsewhere(&self) -> bool {
        self.memory().works_on == WorksOn::Shared
    }

    /// Works on the state that several hosts share from now on, as the one that
    /// leads.
    pub(crate) async fn take_over(&self, state: State) -> Result<(), ControlError> {
        self.work_on(state.clone());
        let lead = match own::lead(&state.store).await? {
            Some(lead) => Some(self.with_own_leaf(lead).await?),
            None => None,
        };
        self.settle_lead(lead, WorksOn::Shared).await
    }

    /// Works on nobody's state but its own from now on.
    pub(crate) async fn hand_over(&self, own: State) -> Result<(), ControlError> {
        self.work_on(own);
        self.settle_lead(None, WorksOn::None).await
    }

    fn work_on(&self, state: State) {
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    async fn settle_lead(&self, lead: Option<Lead>, works_on: WorksOn) -> Result<(), ControlError> {
        {
            let mut memory = self.memory();
            memory.lead = lead;
            memory.works_on = works_on;
            memory.presence.clear();
            memory.announced = None;
            memory.announced_at = None;
        }
        self.0.published.send_replace(Telling::default());
        self.refresh().await?;
        self.open_port().await?;
        self.0.told.notify_waiters();
        self.0.wake.notify_one();
        Ok(())
    }

    /// The leader before had a certificate for its own key.
    async fn with_own_leaf(&self, mut lead: Lead) -> Result<Lead, ControlError> {
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        if leaf.fingerprint() == self.0.key.fingerprint() {
            return Ok(lead);
        }
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let issued =
            self.authority(&lead)?
                .issue(&csr, self.0.host.0, muster_store::now(), LEAF_LIFE);
        lead.leaf = issued.map_err(damaged)?.to_pem();
        let kept = lead.clone();
        self.state()
            .write(move |tx| Box::pin(async move { own::save_lead(tx, Some(&kept)).await }))
            .await?;
        Ok(lead)
    }

    /// Makes the host that leads a member like the others, so that it can follow
    /// one of them. In vain if it is one.
    pub(crate) async fn become_member(&self) -> Result<(), ControlError> {
        let (mut own, lead) = {
            let memory = self.memory();
            (memory.own.clone(), memory.lead.clone())
        };
        let Some(lead) = lead else {
            return Ok(());
        };
        if own.state.link().is_some() {
            return Ok(());
        }
        let (link, now) = (Uuid::now_v7(), muster_store::now());
        let myself = PeerIdentity {
            host: self.0.host.0,
            fingerprint: self.0.key.fingerprint(),
        };
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        let membership = MembershipRecord {
            id: LinkId(link),
            secret_hash: String::new(),
            state: value(&leader::State::Joined { peer: myself })?,
            host: Some(self.0.host),
            roles: Vec::new(),
            created_by: "cluster".to_owned(),
            created_at: now,
        };
        let host = HostRecord {
            id: self.0.host,
            membership: LinkId(link),
            name: self.0.name.get(),
            fingerprint: myself.fingerprint.to_string(),
            about: self.about().await,
            linked_at: leaf.issued_at(),
            last_seen_at: now,
            certificate_not_after: leaf.not_after(),
        };
        own.state = muster_peering::membership::joiner::State::Following {
            link,
            leader: myself,
        };
        own.anchors = Some(self.anchors(&lead)?.to_pem());
        own.leaf = Some(lead.leaf.clone());
        own.cluster = Some(lead.cluster);
        own.leader = Some(self.whereabouts());
        // First what others must know; a membership that nobody uses does no harm.
        self.state()
            .write(move |tx| {
                Box::pin(async move {
                    tx.membership_put(&membership).await?;
                    tx.host_put(&host).await
                })
            })
            .await?;
        let kept = own.clone();
        self.0
            .own
            .write(move |tx| Box::pin(async move { own::save(tx, &kept).await }))
            .await?;
        self.memory().own = own;
        self.refresh().await
    }

    /// Where the leader is and how it is dialled, if this host follows one.
    pub(crate) fn leader_dialled(
        &self,
        alpn: &[&[u8]],
    ) -> Result<Option<(Vec<String>, ClientConfig)>, ControlError> {
        let (own, leader) = {
            let memory = self.memory();
            (memory.own.clone(), memory.leader())
        };
        let (Some(leader), Some((leaf, anchors))) = (leader, own.papers()?) else {
            return Ok(None);
        };
        // One that has led last is not the one to ask.
        if leader.host == self.0.host.0 || self.is_succeeded() {
            return Ok(None);
        }
        let config = leader_config(&leaf, &self.0.key, &anchors, &leader, alpn);
        let addresses = own.leader.unwrap_or_default().addresses;
        Ok(Some((addresses, config.map_err(damaged)?)))
    }

    /// The other hosts that may lead, as far as this one knows: those that share the
    /// state, by what it was told last, and whoever has the lease on it.
    pub(crate) fn may_lead(&self) -> Vec<Neighbour> {
        let memory = self.memory();
        let state = &memory.followed.state;
        let control: &[HostId] = match &state.control[..] {
            [_] => &[],
            several => several,
        };
        let others = state.hosts.iter().filter(|host| {
            let known = control.contains(&host.id) || memory.lease == Some(host.id);
            known && host.id != self.0.host
        });
        others.cloned().collect()
    }

    /// Who may lead by the host that has led before, which this one takes for its
    /// leader still: it may have been away when the others began to share the state.
    async fn may_lead_by(&self, addresses: &[String], config: ClientConfig) -> Vec<Neighbour> {
        let path = "/peer/v1/successors";
        let told = call::<_, Vec<Neighbour>>(addresses, config, path, SUCCESSOR, |_| ()).await;
        match told {
            Ok((told, _)) => told.into_iter().filter(|it| it.id != self.0.host).collect(),
            Err(error) => {
                tracing::debug!(%error, "the host that has led does not say who may lead");
                Vec::new()
            }
        }
    }

    /// Which of the other control-plane hosts leads by now, if one says so. The
    /// predecessor, which has led before, is asked for more of them.
    pub(super) async fn successor(
        &self,
        words: &Say,
        predecessor: Option<(&[String], ClientConfig)>,
    ) -> Option<Successor> {
        let own = self.memory().own.clone();
        let (leaf, anchors) = own.papers().ok()??;
        let mut candidates = self.may_lead();
        if let Some((addresses, config)) = predecessor {
            // It knows better where they are.
            let told = self.may_lead_by(addresses, config).await;
            candidates.retain(|known| !told.iter().any(|host| host.id == known.id));
            candidates.extend(told);
        }
        let mut asked: FuturesUnordered<_> = (candidates.iter())
            .map(|host| {
                let leader = PeerIdentity {
                    host: host.id.0,
                    fingerprint: host.fingerprint,
                };
                let config = leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN);
                async move {
                    let (sent, began) = (muster_store::now(), Instant::now());
                    let path = "/peer/v1/say";
                    let config = config.ok()?;
                    let said = call::<_, Said>(&host.addresses, config, path, SUCCESSOR, |_| words);
                    let (said, _) = said.await.ok()?;
                    (said.reply == Reply::Member).then_some(Successor {
                        leader,
                        said,
                        sent,
                        began,
                    })
                }
            })
            .collect();
        while let Some(told) = asked.next().await {
            if told.is_some() {
                return told;
            }
        }
        None
    }

    /// Keeps what this host tells others while it works on a state that lies
    /// elsewhere: it goes on with that when it leads no more, or cannot reach the
    /// state after a start.
    pub(crate) async fn keep_what_is_told(self, stop: CancellationToken) {
        let mut published = self.0.published.subscribe();
        loop {
            let told = {
                let told = published.borrow_and_update();
                told.whole.as_ref().map(|it| Arc::clone(&it.followed))
            };
            if let Some(told) = told.filter(|_| self.works_elsewhere()) {
                self.memory().followed = Arc::clone(&told);
                if let Err(error) = self.keep_followed(told.news(&told.digest, true)).await {
                    tracing::warn!(%error, "what runs in the group could not be kept here");
                }
            }
            tokio::select! {
                _ = published.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn keep_followed(&self, news: News) -> Result<(), ControlError> {
        let kept = Kept::new(news, &self.0.sealer)?;
        self.0
            .own
            .write(move |tx| Box::pin(async move { own::save_followed(tx, Some(&kept)).await }))
            .await?;
        Ok(())
    }

    /// Which hosts share the group's state, as far as this one knows.
    pub(crate) fn control_plane(&self) -> Vec<HostId> {
        let memory = self.memory();
        match memory.lead {
            Some(_) => memory.control.clone(),
            None => memory.followed.state.control.clone(),
        }
    }

    /// Which hosts share the group's state, by whoever leads.
    pub(crate) fn note_control_plane(&self, control: Vec<HostId>) {
        let before = std::mem::replace(&mut self.memory().control, control.clone());
        if before != control {
            self.0.told.notify_waiters();
        }
    }
}

/// The code of [`no_leader`].
pub(crate) const NO_LEADER: &str = "no-leader";

/// No host leads at the moment that this one knows of.
pub(crate) fn no_leader() -> ControlError {
    ControlError::Unavailable {
        code: NO_LEADER,
        message: "no control-plane host leads at the moment; apps go on as they are".to_owned(),
        remedy: "try again in a few seconds; if it stays so, see that the database can be reached from the control-plane hosts".to_owned(),
    }
}
