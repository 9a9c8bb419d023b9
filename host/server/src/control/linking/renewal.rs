//! New certificates in time: a follower asks its leader for one, and a leader
//! gives itself one.

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_api::id::{HostId, LinkId};
use muster_peering::{
    Leaf,
    membership::joiner::State,
    tls::{PeerIdentity, leader_config},
};

use super::{
    ControlError, Links, damaged,
    leading::{LEAF_LIFE, state},
    own,
    saying::odd,
};
use crate::peers::{
    Patience, WORDS_ALPN, call,
    words::{Renew, Renewed},
};

impl Links {
    /// Gives a member another certificate for the key that it has.
    pub(crate) async fn renew(
        &self,
        peer: PeerIdentity,
        renew: &Renew,
    ) -> Result<Renewed, ControlError> {
        let none = Renewed { leaf: None };
        let Some(lead) = self.memory().lead.clone() else {
            return Ok(none);
        };
        let found = self.state().membership_get(LinkId(renew.link)).await?;
        let found = found.map(|record| state(&record)).transpose()?;
        if found.and_then(|state| state.admitted()) != Some(peer) {
            return Ok(none);
        }
        let csr = BASE64_STANDARD.decode(&renew.csr).unwrap_or_default();
        let now = muster_store::now();
        let Ok(leaf) = self
            .authority(&lead)?
            .issue(&csr, peer.host, now, LEAF_LIFE)
        else {
            return Ok(none);
        };
        if leaf.fingerprint() != peer.fingerprint {
            return Ok(none);
        }
        let (id, not_after) = (HostId(peer.host), leaf.not_after());
        self.state()
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(mut host) = tx.host_get(id).await? {
                        host.certificate_not_after = not_after;
                        tx.host_put(&host).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(Renewed {
            leaf: Some(leaf.to_pem()),
        })
    }

    /// Gets a new certificate in time.
    pub(super) async fn renew_leaf(&self) -> Result<(), ControlError> {
        let own = self.memory().own.clone();
        let State::Following { link, leader } = own.state else {
            return Ok(());
        };
        let Some((leaf, anchors)) = own.papers()? else {
            return Ok(());
        };
        let leader_time = muster_store::now() + self.memory().offset;
        if !leaf.is_due(leader_time, share(&leaf)) {
            return Ok(());
        }
        let config =
            leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN).map_err(damaged)?;
        let addresses = own.leader.clone().unwrap_or_default().addresses;
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let renewed = call::<_, Renewed>(
            &addresses,
            config,
            "/peer/v1/renew",
            Patience::WORDS,
            |_| Renew {
                link,
                csr: BASE64_STANDARD.encode(&csr),
            },
        );
        let (renewed, _) = renewed.await.map_err(|error| odd(&error.to_string()))?;
        let Some(pem) = renewed.leaf else {
            return Ok(());
        };
        let leaf = Leaf::from_pem(&pem).map_err(damaged)?;
        leaf.check(self.0.host.0, &self.0.key, &anchors)
            .map_err(damaged)?;
        let own = {
            let mut memory = self.memory();
            memory.own.leaf = Some(pem);
            memory.own.clone()
        };
        self.keep(own).await?;
        tracing::info!(until = %leaf.not_after(), "this host has a new certificate");
        self.open_port().await
    }

    /// The leader gives itself a new certificate in time.
    pub(super) async fn renew_own(&self) -> Result<(), ControlError> {
        let Some(mut lead) = self.memory().lead.clone() else {
            return Ok(());
        };
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        let now = muster_store::now();
        if !leaf.is_due(now, share(&leaf)) {
            return Ok(());
        }
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let issued = self
            .authority(&lead)?
            .issue(&csr, self.0.host.0, now, LEAF_LIFE);
        lead.leaf = issued.map_err(damaged)?.to_pem();
        let kept = lead.clone();
        self.state()
            .write(move |tx| Box::pin(async move { own::save_lead(tx, Some(&kept)).await }))
            .await?;
        self.memory().lead = Some(lead);
        self.open_port().await
    }
}

/// When in its life a certificate is renewed, from 0 to 1: the same after each
/// start, and another for each certificate, so that not all hosts come at once.
fn share(leaf: &Leaf) -> f64 {
    let bytes = leaf.fingerprint();
    let mixed = leaf.not_after().unix_timestamp() ^ i64::from(bytes.as_bytes()[0]);
    f64::from(u8::try_from(mixed.rem_euclid(256)).unwrap_or(0)) / 255.0
}
