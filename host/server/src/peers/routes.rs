//! What peers may ask. Everything is answered with 200 and says what came of
//! it; other statuses mean that the two ends do not understand each other.

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header::CONNECTION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Limited};

use super::{
    Connection,
    api::{API, carried},
    blocks::BlockAsked,
    calls::{CALL, called},
    holding,
    logs::{self, Wanted},
    releases, sharing, staging,
    state::{Neighbour, StateAsked, StateTold},
    words::{Ask, Asked, Renew, Renewed, Said, Say, Whereabouts},
};
use crate::control::{
    error::ControlError,
    linking::{Links, NO_LEADER},
};

/// What a member says of itself.
const SAY: &str = "/peer/v1/say";
/// The longest question of a stranger, in bytes.
const QUESTION: usize = 64 << 10;
/// The longest question of a member: it tells of all of its instances.
const REPORT: usize = 16 << 20;

type Told<T> = Result<Json<T>, (StatusCode, String)>;

impl Links {
    /// What this host answers its peers.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route(SAY, post(say).layer(DefaultBodyLimit::max(REPORT)))
            .route(
                "/peer/v1/stage",
                post(staging::stage).layer(DefaultBodyLimit::max(REPORT)),
            )
            .route("/peer/v1/share", post(sharing::share))
            .route(
                holding::PATH,
                post(holding::hold).layer(DefaultBodyLimit::max(REPORT)),
            )
            .route("/peer/v1/release", post(releases::release))
            .route("/peer/v1/state", post(state))
            .route("/peer/v1/block", post(block))
            .route(logs::OfApp::PATH, post(logs::told::<logs::OfApp>))
            .route(logs::OfRequests::PATH, post(logs::told::<logs::OfRequests>))
            .route(logs::OfHosts::PATH, post(logs::told::<logs::OfHosts>))
            .route("/peer/v1/renew", post(renew))
            .route("/peer/v1/here", post(here))
            .route("/peer/v1/whereabouts", post(whereabouts))
            .route("/peer/v1/successors", post(successors))
            .route_layer(middleware::from_fn_with_state(self.clone(), members_alone))
            .route("/peer/v1/ask", post(ask))
            .layer(DefaultBodyLimit::max(QUESTION))
            .route(&format!("{API}/{{*path}}"), any(carried))
            .route(&format!("{CALL}/{{*path}}"), any(called))
            .with_state(self.clone())
    }
}

/// Turns strangers away before anything of what they send is read. Whoever was a
/// member once is told how that ended, whatever it says, and nothing else.
async fn members_alone(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let Some(peer) = connection.peer else {
        return stranger().into_response();
    };
    if links.admits(peer) {
        return next.run(request).await;
    }
    if request.uri().path() != SAY {
        return stranger().into_response();
    }
    // All of it has to come before the answer is heard; none of it is kept.
    let mut said = Limited::new(request.into_body(), REPORT).into_data_stream();
    while let Some(piece) = said.next().await {
        if piece.is_err() {
            return stranger().into_response();
        }
    }
    match links.farewell(peer, &connection).await {
        Ok(said) => ([(CONNECTION, "close")], Json(said)).into_response(),
        Err(error) => failed(error).into_response(),
    }
}

async fn ask(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(ask): Json<Ask>,
) -> Told<Asked> {
    links
        .asked(&connection, ask)
        .await
        .map(Json)
        .map_err(failed)
}

async fn say(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(say): Json<Say>,
) -> Told<Said> {
    let peer = connection.peer.ok_or_else(stranger)?;
    links
        .told(peer, &connection, say)
        .await
        .map(Json)
        .map_err(failed)
}

async fn state(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(asked): Json<StateAsked>,
) -> Told<StateTold> {
    let peer = connection.peer.ok_or_else(stranger)?;
    let news = links.news(peer, &asked).await;
    Ok(Json(StateTold { news }))
}

async fn block(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(wanted): Json<BlockAsked>,
) -> Result<Bytes, (StatusCode, String)> {
    let peer = connection.peer.ok_or_else(stranger)?;
    links.block(peer, &wanted.digest).await
}

async fn renew(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(renew): Json<Renew>,
) -> Told<Renewed> {
    let peer = connection.peer.ok_or_else(stranger)?;
    links.renew(peer, &renew).await.map(Json).map_err(failed)
}

async fn here(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    Json(leader): Json<Whereabouts>,
) -> Told<()> {
    let peer = connection.peer.ok_or_else(stranger)?;
    links
        .leader_is(peer, leader)
        .await
        .map(Json)
        .map_err(failed)
}

async fn whereabouts(State(links): State<Links>) -> Told<Option<Whereabouts>> {
    Ok(Json(links.where_leader_is()))
}

/// Who may lead, for those who take this host for the leader still.
async fn successors(State(links): State<Links>) -> Json<Vec<Neighbour>> {
    Json(links.may_lead())
}

fn stranger() -> (StatusCode, String) {
    (
        StatusCode::FORBIDDEN,
        "this is for members alone".to_owned(),
    )
}

fn failed(error: ControlError) -> (StatusCode, String) {
    if matches!(
        error,
        ControlError::Unavailable {
            code: NO_LEADER,
            ..
        }
    ) {
        return (StatusCode::MISDIRECTED_REQUEST, error.to_string());
    }
    tracing::error!(%error, "a peer could not be answered");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "the host failed".to_owned(),
    )
}
