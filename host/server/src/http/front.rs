//! What answers on the management address. A host that shares its state with others
//! answers itself while it leads, and carries calls to the one that does otherwise.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwapOption;
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::{ServiceBuilderExt, request_id::MakeRequestUuid};

use super::{Api, linger, probes, problems::Refused, reply};
use crate::control::linking::Links;

/// What answers at the moment. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Front(Arc<ArcSwapOption<Router>>);

impl Front {
    /// Has `router` answer from now on.
    pub(crate) fn show(&self, router: Router) {
        self.0.store(Some(Arc::new(router)));
    }

    /// Serves what is shown until the host ends.
    pub(crate) async fn serve(self, listener: TcpListener, ending: CancellationToken) {
        let service = Router::new().fallback(answer).with_state(self);
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(ending.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the API ended");
        }
    }
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let Some(router) = front.0.load_full() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the host is starting\n").into_response();
    };
    match router.as_ref().clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// What a control-plane host answers that does not lead: of itself what machines
/// ask for, and everything else by the one that leads.
pub(crate) fn standing_by(api: Api) -> Router {
    let links = api.links.clone();
    let layers = tower::ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .layer(middleware::from_fn(reply::trace))
        .layer(middleware::from_fn(linger::to_the_end))
        .propagate_x_request_id();
    probes::routes()
        .with_state(api)
        .fallback(carry)
        .layer(layers)
        .with_state(links)
}

async fn carry(
    State(links): State<Links>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match links.carry_to_leader(client, request).await {
        Ok(response) => response,
        Err(error) => Refused::from(error).into_response(),
    }
}
