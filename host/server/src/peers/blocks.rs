//! Blocks from one host to another: whoever has one gives it to a member, who
//! checks it by its name.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use muster_api::{blocks::Digest, id::HostId};
use muster_blocks::BlocksError;
use muster_peering::tls::PeerIdentity;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{CallError, Patience, WORDS_ALPN, dial::Caller, state::Neighbour};
use crate::control::{error::ControlError, linking::Links};

/// Where blocks are asked for.
const PATH: &str = "/peer/v1/block";

/// `POST /peer/v1/block`: a member wants a block.
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockAsked {
    pub(crate) digest: Digest,
}

/// How many blocks are fetched at the same time for whoever wants several.
const AT_ONCE: usize = 4;
/// How long a host that lacked a block is asked after all others: it may be
/// fetching the same content itself.
const LACKING: Duration = Duration::from_secs(5);

/// The server that keeps blocks, among hosts.
const STORE: HostId = HostId(uuid::Uuid::nil());

fn id_of(source: &Option<Neighbour>) -> HostId {
    source.as_ref().map_or(STORE, |host| host.id)
}

/// How near other hosts are: how long they took for a block, on the average of
/// late, and which of them lacked one.
#[derive(Default)]
pub(crate) struct Nearness(HashMap<HostId, Seen>);

#[derive(Clone, Copy, Default)]
struct Seen {
    took: Option<Duration>,
    lacked: Option<Instant>,
}

impl Nearness {
    /// Whom to ask first: the lowest. Who was never asked comes before all.
    fn of(&self, host: HostId, now: Instant) -> (bool, Duration) {
        let seen = self.0.get(&host).copied().unwrap_or_default();
        let lacks = seen.lacked.is_some_and(|at| now < at + LACKING);
        (lacks, seen.took.unwrap_or_default())
    }

    fn took(&mut self, host: HostId, took: Duration) {
        let seen = self.0.entry(host).or_default();
        seen.took = Some(seen.took.map_or(took, |known| (known * 3 + took) / 4));
        seen.lacked = None;
    }

    fn lacked(&mut self, host: HostId, now: Instant) {
        self.0.entry(host).or_default().lacked = Some(now);
    }
}

impl Links {
    /// Gives a block to a member.
    pub(crate) async fn block(
        &self,
        peer: PeerIdentity,
        digest: &Digest,
    ) -> Result<Bytes, (StatusCode, String)> {
        if !self.admits(peer) {
            return Err((
                StatusCode::FORBIDDEN,
                "this is for members alone".to_owned(),
            ));
        }
        match self.blocks().get(digest).await {
            Ok(bytes) => Ok(bytes),
            Err(BlocksError::Missing(_)) => Err((StatusCode::NOT_FOUND, digest.to_string())),
            Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        }
    }

    /// Has these blocks here, fetching what is not near at hand from whoever has
    /// it: the host that was quickest of late first, or the server that keeps
    /// blocks, if that was.
    ///
    /// # Errors
    /// Which block nobody has, or could not be kept.
    pub(crate) async fn have(&self, wanted: &[Digest]) -> Result<(), String> {
        let far = self.blocks().not_near(wanted).await;
        let far = far.map_err(|error| error.to_string())?;
        let fetched = stream::iter(far).map(|digest| {
            let links = self.clone();
            async move { links.bring_near(&digest).await }
        });
        fetched.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn bring_near(&self, digest: &Digest) -> Result<(), String> {
        let hosts = self.neighbours().await.map_err(|error| error.to_string())?;
        let mut sources: Vec<_> = hosts.into_iter().map(Some).collect();
        if self.blocks().place().is_remote() {
            sources.push(None);
        }
        let began = Instant::now();
        sources.sort_by_cached_key(|source| self.nearness().of(id_of(source), began));
        let mut last = "this host is not linked with any".to_owned();
        for source in sources {
            match self.try_source(&source, digest).await {
                Ok(()) => return Ok(()),
                Err(why) => last = why,
            }
        }
        Err(format!("the block {digest} cannot be had: {last}"))
    }

    async fn try_source(&self, source: &Option<Neighbour>, digest: &Digest) -> Result<(), String> {
        let began = Instant::now();
        let Some(host) = source else {
            // What it has, it puts near at hand by itself.
            return match self.blocks().get(digest).await {
                Ok(_) => {
                    self.nearness().took(STORE, began.elapsed());
                    Ok(())
                }
                Err(error) => {
                    self.nearness().lacked(STORE, Instant::now());
                    Err(error.to_string())
                }
            };
        };
        let bytes = self.fetch_from(host, digest).await?;
        let kept = self.blocks().put_near(digest, bytes).await;
        kept.map_err(|error| format!("{}: {error}", host.name))
    }

    /// Has these blocks where this host keeps its own, for something that refers to
    /// them.
    ///
    /// # Errors
    /// Which block nobody has, or could not be kept.
    pub(crate) async fn keep_blocks(&self, wanted: &[Digest]) -> Result<(), String> {
        let missing = self.blocks().missing(wanted).await;
        let missing = missing.map_err(|error| error.to_string())?;
        let kept = stream::iter(missing).map(|digest| {
            let links = self.clone();
            async move {
                let bytes = links.block_from_others(&digest).await;
                let bytes =
                    bytes.map_err(|why| format!("the block {digest} cannot be had: {why}"))?;
                let kept = links.blocks().put(&digest, bytes).await;
                kept.map_err(|error| error.to_string())
            }
        });
        kept.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// A block from another host, whoever has it as it should be.
    ///
    /// # Errors
    /// Why nobody could give it.
    pub(crate) async fn block_from_others(&self, digest: &Digest) -> Result<Bytes, String> {
        let mut hosts = self.neighbours().await.map_err(|error| error.to_string())?;
        let began = Instant::now();
        hosts.sort_by_cached_key(|host| self.nearness().of(host.id, began));
        let mut last = "this host is not linked with any".to_owned();
        for host in hosts {
            match self.fetch_from(&host, digest).await {
                Ok(bytes) => return Ok(bytes),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn fetch_from(&self, host: &Neighbour, digest: &Digest) -> Result<Bytes, String> {
        let began = Instant::now();
        let asked = timeout(Patience::BLOCK.whole, self.ask_for(host, digest)).await;
        match asked.unwrap_or(Err(CallError::Unreachable)) {
            Ok(Some(bytes)) => {
                self.nearness().took(host.id, began.elapsed());
                Ok(bytes)
            }
            Ok(None) => {
                self.nearness().lacked(host.id, Instant::now());
                Err(format!("{} does not have it", host.name))
            }
            Err(error) => {
                self.nearness().took(host.id, Patience::BLOCK.whole);
                Err(format!("{}: {error}", host.name))
            }
        }
    }

    /// Asks a host for a block, over a connection that was kept if there is one.
    /// What lay idle may have been closed meanwhile; that nobody answers there
    /// says nothing of the host.
    async fn ask_for(&self, host: &Neighbour, digest: &Digest) -> Result<Option<Bytes>, CallError> {
        let wrong = |error: ControlError| CallError::Answer(error.to_string());
        let papers = self.papers().map_err(wrong)?;
        let papers = papers.map(|(leaf, _)| leaf.not_after());
        let asked = BlockAsked {
            digest: digest.clone(),
        };
        let most = Patience::BLOCK.answer;
        loop {
            let kept = self.kept().take(host, papers);
            let Some(mut caller) = kept else { break };
            if let Ok(told) = caller.fetch(PATH, &asked, most).await {
                self.kept().keep(host, papers, caller);
                return Ok(told);
            }
        }
        let config = self.dialling(host, WORDS_ALPN).map_err(wrong)?;
        let mut caller = Caller::dial(&host.addresses, config).await?;
        let told = caller.fetch(PATH, &asked, most).await?;
        self.kept().keep(host, papers, caller);
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacked_a_block_is_asked_last_for_a_while() {
        let [near, far, new] = std::array::from_fn(|_| HostId(uuid::Uuid::new_v4()));
        let mut nearness = Nearness::default();
        let now = Instant::now();
        nearness.took(near, Duration::from_millis(2));
        nearness.took(far, Duration::from_millis(900));
        let order = |nearness: &Nearness, now| {
            let mut hosts = [far, near, new];
            hosts.sort_by_cached_key(|host| nearness.of(*host, now));
            hosts
        };
        assert_eq!(order(&nearness, now), [new, near, far]);
        nearness.lacked(new, now);
        assert_eq!(order(&nearness, now), [near, far, new]);
        nearness.lacked(near, now);
        assert_eq!(order(&nearness, now), [far, new, near]);
        nearness.took(near, Duration::from_millis(2));
        assert_eq!(order(&nearness, now), [near, far, new]);
        assert_eq!(order(&nearness, now + LACKING), [new, near, far]);
    }
}
