//! What is uploaded to the host that leads counts once another control-plane host
//! holds it as well: whoever leads next has to have it.

use std::time::Duration;

use axum::{Extension, Json, extract::State, http::StatusCode};
use futures::{StreamExt, stream::FuturesUnordered};
use muster_api::blocks::Digest;
use serde::{Deserialize, Serialize};

use super::{Connection, Patience, WORDS_ALPN, call, state::Neighbour};
use crate::control::{
    error::ControlError,
    linking::{Links, Part},
};

/// Where a host is told what to hold.
pub(super) const PATH: &str = "/peer/v1/hold";
/// How long a host may take, which fetches what it lacks.
const HOLD: Patience = Patience {
    whole: Duration::from_secs(60),
    answer: 64 << 10,
};

/// `POST /peer/v1/hold`: what a host is to have.
#[derive(Serialize, Deserialize)]
pub(super) struct HoldAsked {
    blocks: Vec<Digest>,
}

/// The answer to [`HoldAsked`].
#[derive(Serialize, Deserialize)]
pub(super) struct HoldTold {
    /// Why it has not all of them.
    lacking: Option<String>,
}

impl Links {
    /// Waits until one more control-plane host holds these blocks. Where there is no
    /// other that can be reached, or a server keeps the blocks of all, there is
    /// nothing to wait for.
    ///
    /// # Errors
    /// If others are there, and none of them could have the blocks.
    pub(crate) async fn are_held_elsewhere(&self, blocks: &[Digest]) -> Result<(), ControlError> {
        let control = self.control_plane();
        let Part::Leads(members) = self.part().await? else {
            return Ok(());
        };
        if blocks.is_empty() || self.blocks().place().is_remote() {
            return Ok(());
        }
        let mut asked: FuturesUnordered<_> = members
            .into_iter()
            .filter(|it| !it.lost && control.contains(&it.neighbour.id))
            .map(|it| self.has_hold(it.neighbour, blocks))
            .collect();
        let mut lacking = Vec::new();
        while let Some(told) = asked.next().await {
            match told {
                Ok(()) => return Ok(()),
                Err(why) => lacking.push(why),
            }
        }
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(ControlError::Unavailable {
                code: "not-held-elsewhere",
                message: format!(
                    "no other control-plane host could get what was uploaded: {}",
                    lacking.join("; ")
                ),
                remedy: "see how the hosts are with `muster link list`, and try again".to_owned(),
            }),
        }
    }

    async fn has_hold(&self, host: Neighbour, blocks: &[Digest]) -> Result<(), String> {
        let config = self.dialling(&host, WORDS_ALPN);
        let config = config.map_err(|error| error.to_string())?;
        let told = call::<_, HoldTold>(&host.addresses, config, PATH, HOLD, |_| HoldAsked {
            blocks: blocks.to_vec(),
        });
        match told.await {
            Ok((HoldTold { lacking: None }, _)) => Ok(()),
            Ok((HoldTold { lacking: Some(why) }, _)) => Err(format!("{}: {why}", host.name)),
            Err(error) => Err(format!("{}: {error}", host.name)),
        }
    }
}

/// Has what the leader says.
pub(super) async fn hold(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<HoldAsked>,
) -> Result<Json<HoldTold>, StatusCode> {
    if !connection.peer.is_some_and(|peer| links.is_led_by(peer)) {
        return Err(StatusCode::FORBIDDEN);
    }
    let lacking = links.keep_blocks(&asked.blocks).await.err();
    Ok(Json(HoldTold { lacking }))
}
