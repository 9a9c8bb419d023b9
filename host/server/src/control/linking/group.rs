//! The group as this host sees it: who is in it, how they are dialled, and what
//! is to run in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use muster_api::{
    bundles::ContentProgress,
    hosts::{About, Applied},
    id::HostId,
};
use muster_blocks::Blocks;
use muster_peering::{
    Anchors, Leaf,
    membership::{joiner, presence::Health},
    tls::{PeerIdentity, client_config},
};
use muster_planner::Condition;
use muster_store::{BundleRecord, StoreError};
use rustls::ClientConfig;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{ControlError, Links, Served, damaged, own};
use crate::{
    control::placing::Site,
    peers::{
        blocks::Nearness,
        kept::Kept,
        state::{GroupSettings, GroupState, Neighbour, News},
    },
};

/// How long a follower's question for news waits for some.
const NEWS: Duration = Duration::from_secs(20);

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

/// What the leader has told.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) digest: String,
    pub(crate) state: GroupState,
    pub(crate) bundles: Arc<Vec<BundleRecord>>,
    pub(crate) settings: Arc<GroupSettings>,
}

/// What a leader tells, as it is sent and compared.
pub(super) type Published = watch::Sender<Telling>;

/// What a leader tells, from those who know a part of it each. Nothing is told
/// before all of it is known: what is missing would look as if it were gone.
#[derive(Debug, Default)]
pub(super) struct Telling {
    state: Option<(String, GroupState)>,
    bundles: Option<Arc<Vec<BundleRecord>>>,
    settings: Option<Arc<GroupSettings>>,
    whole: Option<Arc<Followed>>,
}

impl Telling {
    fn settle(&mut self) {
        if let (Some((digest, state)), Some(bundles), Some(settings)) =
            (&self.state, &self.bundles, &self.settings)
        {
            let mut hash = Sha256::new();
            hash.update(digest);
            for it in bundles.iter() {
                hash.update(format!("{}\0{}\0{}\0", it.name, it.kind, it.digest));
                hash.update(it.created_at.unix_timestamp_nanos().to_be_bytes());
            }
            hash.update(settings.digest());
            self.whole = Some(Arc::new(Followed {
                digest: hex(&hash.finalize()),
                state: state.clone(),
                bundles: Arc::clone(bundles),
                settings: Arc::clone(settings),
            }));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Links {
    /// What part this host has at the moment.
    pub(crate) async fn part(&self) -> Result<Part, StoreError> {
        let (state, leads, followed) = {
            let memory = self.memory();
            let followed = memory.followed.clone();
            (memory.own.state, memory.lead.is_some(), followed)
        };
        match state {
            joiner::State::Alone | joiner::State::Asking { .. } if leads => {
                let members = self.joined().await?;
                Ok(if members.is_empty() {
                    Part::Alone
                } else {
                    Part::Leads(members)
                })
            }
            joiner::State::Alone | joiner::State::Asking { .. } => Ok(Part::Alone),
            joiner::State::Confirming { .. }
            | joiner::State::Following { .. }
            | joiner::State::Leaving { .. } => Ok(Part::Follows(followed)),
        }
    }

    /// What the leader has told last; empty unless this host follows one.
    pub(crate) fn followed(&self) -> Arc<Followed> {
        Arc::clone(&self.memory().followed)
    }

    /// That this host decides on its apps, routes and bundles itself.
    ///
    /// # Errors
    /// If it has a leader, which does.
    pub(crate) fn decides(&self) -> Result<(), ControlError> {
        let memory = self.memory();
        // What it has told the leader of itself must stay true.
        if matches!(memory.own.state, joiner::State::Asking { .. }) {
            return Err(ControlError::Conflict {
                code: "busy",
                message: "the host is just being linked".to_owned(),
                remedy: "try again in a moment".to_owned(),
            });
        }
        if memory.own.state.leader().is_none() {
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
        self.memory().own.leader.as_ref().map(|it| it.name.clone())
    }

    async fn joined(&self) -> Result<Vec<Member>, StoreError> {
        let all = self.0.store.host_all().await?;
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
        members.get(&peer.host) == Some(&peer.fingerprint)
            || self.memory().own.state.leader() == Some(peer)
    }

    /// Whether that host is the one that this one follows.
    pub(crate) fn is_led_by(&self, peer: PeerIdentity) -> bool {
        self.memory().own.state.leader() == Some(peer)
    }

    /// What the leader may ask of this host, once it serves.
    pub(crate) fn served(&self) -> Option<&Served> {
        self.0.served.get()
    }

    /// The host serves.
    pub(crate) fn serve(&self, served: Served) {
        let _ = self.0.served.set(served);
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

    /// Has followers told a state, if it is a new one.
    pub(crate) fn publish(&self, state: GroupState) -> Result<(), ControlError> {
        let text = serde_json::to_vec(&state)
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let digest = hex(&Sha256::digest(&text));
        self.0.published.send_if_modified(|told| {
            let known = told.state.as_ref().map(|(known, _)| known);
            let news = known != Some(&digest);
            if news {
                told.state = Some((digest, state));
                told.settle();
            }
            news
        });
        Ok(())
    }

    /// Has followers told which content they are to have, if that is news.
    pub(crate) fn publish_bundles(&self, bundles: &Arc<Vec<BundleRecord>>) {
        self.0.published.send_if_modified(|told| {
            let news = told.bundles.as_ref() != Some(bundles);
            if news {
                told.bundles = Some(Arc::clone(bundles));
                told.settle();
            }
            news
        });
    }

    /// Has followers told which settings count, if that is news.
    pub(crate) fn publish_settings(&self, settings: &Arc<GroupSettings>) {
        self.0.published.send_if_modified(|told| {
            let news = told.settings.as_ref() != Some(settings);
            if news {
                told.settings = Some(Arc::clone(settings));
                told.settle();
            }
            news
        });
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

    /// Whether the settings that this host tells its followers count on one.
    pub(super) fn applied(&self, about: &About) -> Applied {
        let told = self.0.published.borrow();
        let current = told.settings.as_ref().map(|settings| settings.digest());
        match &about.settings {
            None => Applied::None,
            known if *known == current => Applied::Current,
            Some(_) => Applied::Earlier,
        }
    }

    /// What is to run in the group, once it differs from what a follower has.
    /// Nothing if it does not for a while, or the host is no member.
    pub(crate) async fn news(&self, peer: PeerIdentity, have: Option<&str>) -> Option<News> {
        let mut published = self.0.published.subscribe();
        let news = published.wait_for(|told| {
            let digest = told.whole.as_ref().map(|told| told.digest.as_str());
            digest.is_some() && digest != have
        });
        let news = tokio::time::timeout(NEWS, news).await.ok()?.ok()?;
        // Whoever leads no more has nothing to say, whatever it said before.
        let leads = self.memory().lead.is_some();
        let told = news.whole.as_ref();
        let told = told.filter(|_| leads && self.admits(peer))?;
        Some(News {
            digest: told.digest.clone(),
            state: told.state.clone(),
            bundles: told.bundles.to_vec(),
            settings: GroupSettings::clone(&told.settings),
        })
    }

    /// What was told last, before this host was started.
    pub(super) async fn recall(&self) -> Result<(), ControlError> {
        let kept = own::followed(&self.0.store, &self.0.sealer).await?;
        if let Some(kept) = kept {
            self.memory().followed = Arc::new(Followed {
                digest: kept.digest,
                state: kept.state,
                bundles: Arc::new(kept.bundles),
                settings: Arc::new(kept.settings),
            });
        }
        Ok(())
    }
}
