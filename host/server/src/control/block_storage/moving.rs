//! All blocks to another place.

use std::sync::Arc;

use muster_api::problem::Problem;
use muster_blocks::{BlocksError, Moved, Step};
use serde::{Deserialize, Serialize};

use super::{BlockStorage, place};
use crate::control::{
    error::ControlError,
    works::{Desk, failed},
};

/// What a move is asked to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(super) to: String,
    /// With which credentials, sealed.
    pub(super) credentials: Option<String>,
}

impl BlockStorage {
    /// Moves all blocks.
    pub(crate) async fn carry_out_move(
        &self,
        input: Input,
        desk: &Arc<Desk>,
    ) -> Result<String, Problem> {
        let to = input.to.clone();
        let moved = self.try_move(input, desk).await;
        let moved = moved.map_err(|error| failed(&error))?;
        for block in &moved.left {
            let line = format!("{block} is damaged and nothing needs it: it was left behind");
            desk.say(line)
                .await
                .map_err(|error| failed(&error.into()))?;
        }
        Ok(format!(
            "{} blocks of {} bytes are in {to}; {} of them had to be copied",
            moved.totals.blocks, moved.totals.bytes, moved.copied
        ))
    }

    async fn try_move(&self, input: Input, desk: &Arc<Desk>) -> Result<Moved, ControlError> {
        let to: muster_blocks::Place =
            input
                .to
                .parse()
                .map_err(|error: muster_blocks::PlaceError| {
                    ControlError::Internal(error.to_string())
                })?;
        let from = self.blocks.place();
        if to == from {
            // The host ended just when it had written down that they are there.
            return Ok(Moved {
                totals: self.blocks.totals().await?,
                ..Moved::default()
            });
        }
        let credentials = place::opened(&self.sealer, input.credentials.as_deref())?;
        let moving = self.blocks.moving(to.clone(), &credentials).await?;
        let needed = self.needed().await?;
        let told = |step, done, total| {
            let step = match step {
                Step::Copying => "copying",
                Step::Verifying => "verifying",
            };
            desk.note(step, done, total);
        };
        let store = self.own.store.clone();
        let credentials = place::sealed(&self.own.sealer, &credentials)?;
        let settle = async move {
            let written = store.write_or_refuse(move |tx| {
                Box::pin(async move { place::moved(tx, &from, &to, credentials).await })
            });
            written
                .await
                .map_err(|error: ControlError| BlocksError::Other(Box::new(error)))
        };
        Ok(moving.run(&needed, &told, settle).await?)
    }
}
