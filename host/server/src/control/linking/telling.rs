//! What a leader tells its followers: put together from those who know a part of it
//! each, sent once it differs from what a follower has, and kept there.

use std::{sync::Arc, time::Duration};

use muster_api::{
    hosts::{About, Applied},
    id::HostId,
};
use muster_peering::tls::PeerIdentity;
use muster_store::BundleRecord;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{ControlError, Links, own};
use crate::peers::state::{CertificateTold, GroupSettings, GroupState, News, StateAsked};

/// How long a follower's question for news waits for some.
const NEWS: Duration = Duration::from_secs(20);

/// What the leader has told.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) digest: String,
    pub(crate) state: GroupState,
    pub(crate) bundles: Arc<Vec<BundleRecord>>,
    pub(crate) settings: Arc<GroupSettings>,
    /// Those of load balancers, if this host is one.
    pub(crate) certificates: Arc<Vec<CertificateTold>>,
}

impl Followed {
    /// The same as it is sent and kept, to load balancers with the certificates.
    pub(super) fn news(&self, digest: &str, balances: bool) -> News {
        News {
            digest: digest.to_owned(),
            state: self.state.clone(),
            bundles: self.bundles.to_vec(),
            settings: GroupSettings::clone(&self.settings),
            certificates: match balances {
                true => self.certificates.to_vec(),
                false => Vec::new(),
            },
        }
    }
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
    certificates: Option<Arc<Vec<CertificateTold>>>,
    pub(super) whole: Option<Whole>,
}

/// All that a leader tells.
#[derive(Debug)]
pub(super) struct Whole {
    /// What every follower is told.
    pub(super) followed: Arc<Followed>,
    /// The digest of it for load balancers, which are told the certificates, too.
    of_balancers: String,
}

impl Whole {
    fn digest(&self, balances: bool) -> &str {
        match balances {
            true => &self.of_balancers,
            false => &self.followed.digest,
        }
    }
}

impl Telling {
    fn settle(&mut self) {
        if let (Some((digest, state)), Some(bundles), Some(settings), Some(certificates)) = (
            &self.state,
            &self.bundles,
            &self.settings,
            &self.certificates,
        ) {
            let mut hash = Sha256::new();
            hash.update(digest);
            for it in bundles.iter() {
                hash.update(format!("{}\0{}\0{}\0", it.name, it.kind, it.digest));
                hash.update(it.created_at.unix_timestamp_nanos().to_be_bytes());
            }
            hash.update(settings.digest());
            let digest = hex(&hash.finalize());
            let mut more = Sha256::new();
            more.update(&digest);
            for it in certificates.iter() {
                more.update(format!("{}\0{}\0{}\0", it.name, it.chain, it.key));
            }
            self.whole = Some(Whole {
                of_balancers: hex(&more.finalize()),
                followed: Arc::new(Followed {
                    digest,
                    state: state.clone(),
                    bundles: Arc::clone(bundles),
                    settings: Arc::clone(settings),
                    certificates: Arc::clone(certificates),
                }),
            });
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Links {
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

    /// Has followers that are load balancers told which certificates there are, if
    /// that is news.
    pub(crate) fn publish_certificates(&self, certificates: &Arc<Vec<CertificateTold>>) {
        self.0.published.send_if_modified(|told| {
            let news = told.certificates.as_ref() != Some(certificates);
            if news {
                told.certificates = Some(Arc::clone(certificates));
                told.settle();
            }
            news
        });
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
    /// Nothing if it does not for a while, or the host is no member. As long as the
    /// question is open, the host is there.
    pub(crate) async fn news(&self, peer: PeerIdentity, asked: &StateAsked) -> Option<News> {
        let _listens = self.listens(HostId(peer.host));
        let (have, balances) = (asked.have.as_deref(), asked.balances);
        let mut published = self.0.published.subscribe();
        let news = published.wait_for(|told| {
            let digest = told.whole.as_ref().map(|told| told.digest(balances));
            digest.is_some() && digest != have
        });
        let news = tokio::time::timeout(NEWS, news).await.ok()?.ok()?;
        // Whoever leads no more has nothing to say, whatever it said before.
        let leads = self.memory().lead.is_some();
        let told = news.whole.as_ref();
        let told = told.filter(|_| leads && self.admits(peer))?;
        Some(told.followed.news(told.digest(balances), balances))
    }

    /// What was told last, before this host was started.
    pub(super) async fn recall(&self) -> Result<(), ControlError> {
        let kept = own::followed(&self.0.own, &self.0.sealer).await?;
        if let Some(kept) = kept {
            self.memory().followed = Arc::new(Followed {
                digest: kept.digest,
                state: kept.state,
                bundles: Arc::new(kept.bundles),
                settings: Arc::new(kept.settings),
                certificates: Arc::new(kept.certificates),
            });
        }
        Ok(())
    }
}
