//! Blocks from one host to another: whoever has one gives it to a member, who
//! checks it by its name.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use bytes::Bytes;
use muster_api::{blocks::Digest, id::HostId};
use muster_blocks::BlocksError;
use muster_peering::tls::PeerIdentity;
use serde::{Deserialize, Serialize};

use super::{Patience, WORDS_ALPN, fetch};
use crate::control::linking::Links;

/// `POST /peer/v1/block`: a member wants a block.
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockAsked {
    pub(crate) digest: Digest,
}

/// How long other hosts took for a block, on the average of late.
#[derive(Default)]
pub(crate) struct Nearness(HashMap<HostId, Duration>);

impl Nearness {
    fn of(&self, host: HostId) -> Duration {
        self.0.get(&host).copied().unwrap_or_default()
    }

    fn note(&mut self, host: HostId, took: Duration) {
        let known = self.0.entry(host).or_insert(took);
        *known = (*known * 3 + took) / 4;
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

    /// Has these blocks here, fetching what is missing from whoever has it: the
    /// host that was quickest of late first.
    ///
    /// # Errors
    /// Which block nobody has, or could not be kept.
    pub(crate) async fn have(&self, wanted: &[Digest]) -> Result<(), String> {
        let missing = self.blocks().missing(wanted).await;
        for digest in missing.map_err(|error| error.to_string())? {
            self.fetch_block(&digest).await?;
        }
        Ok(())
    }

    async fn fetch_block(&self, digest: &Digest) -> Result<(), String> {
        let mut hosts = self.neighbours().await.map_err(|error| error.to_string())?;
        hosts.sort_by_key(|host| self.nearness().of(host.id));
        let mut last = "this host is not linked with any".to_owned();
        for host in hosts {
            let config = self.dialling(&host, WORDS_ALPN);
            let config = config.map_err(|error| error.to_string())?;
            let began = Instant::now();
            let asked = BlockAsked {
                digest: digest.clone(),
            };
            let path = "/peer/v1/block";
            match fetch(&host.addresses, config, path, Patience::BLOCK, &asked).await {
                Ok(Some(bytes)) => {
                    self.nearness().note(host.id, began.elapsed());
                    let kept = self.blocks().put(digest, bytes).await;
                    match kept {
                        Ok(()) => return Ok(()),
                        Err(error) => last = format!("{}: {error}", host.name),
                    }
                }
                Ok(None) => last = format!("{} does not have it", host.name),
                Err(error) => {
                    self.nearness().note(host.id, Patience::BLOCK.whole);
                    last = format!("{}: {error}", host.name);
                }
            }
        }
        Err(format!("the block {digest} cannot be had: {last}"))
    }
}
