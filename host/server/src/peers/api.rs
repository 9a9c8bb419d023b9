//! Calls of the API that reach a control-plane host which does not lead: it carries
//! them as they came to the one that does, and gives back what that answers.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_api::id::HostId;

use super::{
    CallError, Connection, WORDS_ALPN,
    calls::{answered, below},
    dial::Relay,
};
use crate::control::{
    error::ControlError,
    linking::{Links, Served, no_leader},
};

/// What such a call's path begins with; the API's own path follows.
pub(super) const API: &str = "/peer/v1/api";
/// From where the client asked, as `address:port`.
const CLIENT: HeaderName = HeaderName::from_static("muster-client");
/// What the client took for the host's name.
const ASKED: HeaderName = HeaderName::from_static("muster-asked");
/// How long a call waits for a host that leads.
const SUCCESSION: Duration = Duration::from_secs(15);
/// How long it waits until it tries again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the leader may take until it begins to answer: a block has to come
/// from the client first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which control-plane host has carried a call here, among the extensions of the
/// request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedThrough(pub(crate) HostId);

/// Who answers for the group.
enum WhoLeads {
    Another(Relay),
    ThisHost(Arc<Served>),
}

impl Links {
    /// Has the host that leads answer a request, which may be this one by then.
    ///
    /// # Errors
    /// If none leads that this host can reach.
    pub(crate) async fn carry_to_leader(
        &self,
        client: SocketAddr,
        mut request: Request,
    ) -> Result<Response, ControlError> {
        let connected = match self.who_leads().await? {
            WhoLeads::Another(connected) => connected,
            WhoLeads::ThisHost(served) => {
                let mut known = Extensions::new();
                known.insert(ConnectInfo(client));
                return Ok(answered(&served, "", request, known).await);
            }
        };
        *request.uri_mut() = below(API, request.uri())?;
        let client = HeaderValue::from_str(&client.to_string())
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(CLIENT, client);
        match headers.get(header::HOST).cloned() {
            Some(asked) => headers.insert(ASKED, asked),
            None => headers.remove(ASKED),
        };
        let changes = !request.method().is_safe();
        match connected.send(request, PATIENCE).await {
            Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => {
                Err(no_leader())
            }
            Ok(response) => Ok(response.map(Body::new)),
            Err(CallError::Unsure) if changes => Err(ControlError::Unknown {
                code: "leader-outcome-unknown",
                message: "the host that leads was asked, and gave no answer; nobody can tell whether the change was made".to_owned(),
                remedy: "look what is the case, or ask again with the same Idempotency-Key"
                    .to_owned(),
            }),
            Err(error) => {
                tracing::debug!(%error, "the host that leads did not answer a call");
                Err(no_leader())
            }
        }
    }

    /// The host that leads, ready to be asked. While another one takes over, whoever
    /// asks waits for it.
    async fn who_leads(&self) -> Result<WhoLeads, ControlError> {
        let began = Instant::now();
        loop {
            if let Some(served) = self.serves_the_group() {
                return Ok(WhoLeads::ThisHost(served));
            }
            if let Some((addresses, config)) = self.leader_dialled(WORDS_ALPN)? {
                match Relay::dial(&addresses, config).await {
                    Ok(connected) => return Ok(WhoLeads::Another(connected)),
                    Err(error) => {
                        tracing::debug!(%error, "the host that leads cannot be reached for a call");
                    }
                }
            }
            if began.elapsed() >= SUCCESSION {
                return Err(no_leader());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// What this host answers by, if that is the group's state.
    fn serves_the_group(&self) -> Option<Arc<Served>> {
        let served = self.served().filter(|served| served.of_group);
        served.filter(|_| !self.stands_by())
    }
}

/// Answers a call that another control-plane host carries here.
pub(super) async fn carried(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Response {
    let Some(served) = links.serves_the_group() else {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    };
    let peer = connection.peer.filter(|peer| links.admits(*peer));
    let control = links.control_plane();
    let known = peer.is_some_and(|peer| control.contains(&HostId(peer.host)));
    let headers = request.headers_mut();
    let client = headers.remove(CLIENT);
    let client = client.and_then(|client| client.to_str().ok()?.parse::<SocketAddr>().ok());
    let (Some(client), true) = (client, known) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    if let Some(asked) = headers.remove(ASKED) {
        headers.insert(header::HOST, asked);
    }
    let mut known = Extensions::new();
    known.insert(ConnectInfo(client));
    if let Some(peer) = peer {
        known.insert(AskedThrough(HostId(peer.host)));
    }
    answered(&served, API, request, known).await
}
