//! Staging by another host of the group: the leader orders, the follower fetches
//! the package's blocks, stages, and keeps the droplet's, which the leader then
//! fetches.

use std::time::Duration;

use axum::{Extension, Json, extract::State, http::StatusCode};
use muster_api::{
    blocks::{Digest, FileEntry},
    problem::Problem,
};
use serde::{Deserialize, Serialize};

use super::{Connection, Patience, WORDS_ALPN, call, state::Neighbour};
use crate::control::{
    linking::Links,
    staging::{Order, Staged, Unstaged},
};

/// How long a host may take to stage a package: to fetch, stage and compile it.
const STAGE: Patience = Patience {
    whole: Duration::from_secs(300),
    answer: 64 << 20,
};

/// The answer to an [`Order`], `POST /peer/v1/stage`.
#[derive(Serialize, Deserialize)]
pub(super) enum StageTold {
    /// It is staged.
    Staged(Staged),
    /// It cannot be, whoever tries.
    Refused(Problem),
    /// This host could not; another one may.
    Failed(String),
}

impl Links {
    /// Has another host stage a package, and fetches what it made.
    ///
    /// # Errors
    /// Why that host could not; with [`Err`] inside, why the package cannot be
    /// staged at all.
    pub(crate) async fn stage(
        &self,
        host: &Neighbour,
        order: &Order,
    ) -> Result<Result<Staged, Problem>, String> {
        let config = self.dialling(host, WORDS_ALPN);
        let config = config.map_err(|error| error.to_string())?;
        let path = "/peer/v1/stage";
        let told = call::<_, StageTold>(&host.addresses, config, path, STAGE, |_| order.clone());
        match told.await {
            Ok((StageTold::Staged(staged), _)) => {
                self.keep_blocks(&blocks(staged.files())).await?;
                Ok(Ok(staged))
            }
            Ok((StageTold::Refused(problem), _)) => Ok(Err(problem)),
            Ok((StageTold::Failed(why), _)) => Err(format!("{}: {why}", host.name)),
            Err(error) => Err(format!("{}: {error}", host.name)),
        }
    }
}

/// Stages for the leader.
pub(super) async fn stage(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(order): Json<Order>,
) -> Result<Json<StageTold>, StatusCode> {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let (Some(served), true) = (links.served(), leads) else {
        return Err(StatusCode::FORBIDDEN);
    };
    // The role may have been taken from this host a moment ago.
    if !served.workshop.roles.has_stager() {
        return Ok(Json(StageTold::Failed("it has no stager".to_owned())));
    }
    if let Err(why) = links.have(&blocks(order.files.iter())).await {
        return Ok(Json(StageTold::Failed(why)));
    }
    Ok(Json(match served.workshop.make(order).await {
        Ok(staged) => StageTold::Staged(staged),
        Err(Unstaged::Refused(problem)) => StageTold::Refused(*problem),
        Err(Unstaged::Failed(why)) => StageTold::Failed(why),
    }))
}

fn blocks<'a>(files: impl Iterator<Item = &'a FileEntry>) -> Vec<Digest> {
    files.flat_map(|file| file.blocks.iter().cloned()).collect()
}
