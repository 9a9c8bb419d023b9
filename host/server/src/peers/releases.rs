//! A leader has another host run another program.

use std::time::Duration;

use axum::{Extension, Json, extract::State, http::StatusCode};
use muster_api::id::HostId;
use serde::{Deserialize, Serialize};

use super::{Connection, Patience, WORDS_ALPN, call};
use crate::{
    control::linking::Links,
    releases::{Asked, Told},
};

/// How long a host may take: it reads its program once, to know its digest.
const ANSWER: Patience = Patience {
    whole: Duration::from_secs(20),
    answer: 64 << 10,
};

/// The answer to [`Asked`].
#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    told: Option<Told>,
    /// Why it cannot.
    refused: Option<String>,
}

impl Links {
    /// Asks a host of the group, this one too, about its program.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn ask_release(&self, host: HostId, asked: Asked) -> Result<Told, String> {
        if host == self.id() {
            let served = self.served().ok_or("this host does not serve yet")?;
            return served.releases.answer(self, asked).await;
        }
        let members = self.neighbours().await.map_err(|error| error.to_string())?;
        let member = members.iter().find(|member| member.id == host);
        let member = member.ok_or("it is in the group no more")?;
        let config = self.dialling(member, WORDS_ALPN);
        let config = config.map_err(|error| error.to_string())?;
        let path = "/peer/v1/release";
        let answer = call::<_, Answered>(&member.addresses, config, path, ANSWER, |_| asked).await;
        match answer {
            Ok((
                Answered {
                    told: Some(told), ..
                },
                _,
            )) => Ok(told),
            Ok((Answered { refused, .. }, _)) => Err(refused.unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Does what the leader says.
pub(super) async fn release(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<Asked>,
) -> Result<Json<Answered>, StatusCode> {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let (Some(served), true) = (links.served(), leads) else {
        return Err(StatusCode::FORBIDDEN);
    };
    let (told, refused) = match served.releases.answer(&links, asked).await {
        Ok(told) => (Some(told), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Json(Answered { told, refused }))
}
