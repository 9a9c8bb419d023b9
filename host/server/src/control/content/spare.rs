//! A control-plane host that does not lead has all blocks of the group's state all
//! the same: it may have to lead without those who had them.

use std::time::Duration;

use muster_blocks::Blocks;
use tokio_util::sync::CancellationToken;

use crate::control::{error::ControlError, leadership::Leadership, linking::Links};

/// How often it is looked whether there are others.
const LOOK_AROUND: Duration = Duration::from_secs(2);
/// How many blocks are fetched with one look.
const AT_ONCE: usize = 64;

/// Fetches what the group's state refers to.
pub(crate) struct Spare {
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
    pub(crate) leadership: Leadership,
}

impl Spare {
    /// Works until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut known = 0;
        loop {
            let done = tokio::select! {
                done = self.round(known) => done,
                () = stop.cancelled() => return,
            };
            match done {
                Ok(revision) => known = revision,
                Err(error) => {
                    tracing::debug!(%error, "not all blocks of the group's state are here yet");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AROUND) => {}
                () = self.leadership.hinted() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Up to which revision all is here, of which it was so up to `known`.
    async fn round(&self, known: u64) -> Result<u64, ControlError> {
        let Some(shared) = self.leadership.look().await else {
            return Ok(known);
        };
        let revision = shared.change_latest().await?;
        if revision == known {
            return Ok(known);
        }
        let live: Vec<_> = shared.live_blocks().await?.into_iter().collect();
        let missing = self.blocks.missing(&live).await?;
        for some in missing.chunks(AT_ONCE) {
            let had = self.links.have(some).await;
            had.map_err(ControlError::Internal)?;
        }
        Ok(revision)
    }
}
