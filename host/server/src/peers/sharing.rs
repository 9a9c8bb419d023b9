//! A leader has another host share the group's state, or share it no more.

use std::{fmt, time::Duration};

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::{Connection, Patience, WORDS_ALPN, call, state::Neighbour};
use crate::control::linking::Links;

/// How long a host may take: it tries whether it reaches the state.
const SHARE: Patience = Patience {
    whole: Duration::from_secs(30),
    answer: 64 << 10,
};

/// Where the group's state is, what seals its secrets, and where the bus is of those
/// who share it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Share {
    /// The database, with its password.
    pub(crate) url: String,
    /// The key, in base64.
    pub(crate) key: String,
    /// The bus, with its password; none if it is in process.
    #[serde(default)]
    pub(crate) bus: Option<String>,
}

impl fmt::Debug for Share {
    /// Without what is secret, which is all of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share")
    }
}

/// `POST /peer/v1/share`: what a host is to share; nothing if it is over.
#[derive(Serialize, Deserialize)]
pub(super) struct ShareAsked {
    share: Option<Share>,
}

/// The answer to [`ShareAsked`].
#[derive(Serialize, Deserialize)]
pub(super) struct ShareTold {
    /// Why it cannot.
    refused: Option<String>,
}

impl Links {
    /// Has another host share the group's state, or share it no more.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn tell_share(
        &self,
        host: &Neighbour,
        share: Option<Share>,
    ) -> Result<(), String> {
        let config = self.dialling(host, WORDS_ALPN);
        let config = config.map_err(|error| error.to_string())?;
        let path = "/peer/v1/share";
        let told = call::<_, ShareTold>(&host.addresses, config, path, SHARE, |_| ShareAsked {
            share,
        });
        match told.await {
            Ok((ShareTold { refused: None }, _)) => Ok(()),
            Ok((ShareTold { refused: Some(why) }, _)) => Err(why),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Does what the leader says.
pub(super) async fn share(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<ShareAsked>,
) -> Result<Json<ShareTold>, StatusCode> {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let (Some(served), true) = (links.served(), leads) else {
        return Err(StatusCode::FORBIDDEN);
    };
    let done = match asked.share {
        Some(share) => served.leadership.begin_sharing(&share).await,
        None => served.leadership.end_sharing().await,
    };
    Ok(Json(ShareTold {
        refused: done.err().map(|error| error.to_string()),
    }))
}
