//! `/ports`

use axum::{Json, extract::State};
use muster_api::{
    ports::{PortRules, Ports, RulesQuery},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    reply::{Answer, Params},
};
use crate::control::ports::Listeners;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(port_list))
        .routes(routes!(port_rules))
}

fn listeners(api: &Api) -> Listeners<'_> {
    Listeners {
        host: api.host.name.get(),
        management: api.host.management,
        apps: api.host.apps,
        balancer: api.balancing.addresses(),
        links: &api.links,
    }
}

/// Show who listens where on this host, and who needs to reach it.
#[utoipa::path(get, path = "/ports", tag = "host", responses((status = 200, body = Ports)))]
async fn port_list(State(api): State<Api>) -> Answer<Json<Ports>> {
    Ok(Json(listeners(&api).list().await))
}

/// Show a rule set for this machine's packet filter that lets in what the host
/// needs, ssh, and what a machine needs on a network, and drops all else. The
/// port for peers is open to the addresses of the group's other hosts alone.
#[utoipa::path(get, path = "/ports/rules", tag = "host", params(RulesQuery), responses(
    (status = 200, body = PortRules),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn port_rules(
    State(api): State<Api>,
    Params(query): Params<RulesQuery>,
) -> Answer<Json<PortRules>> {
    Ok(Json(listeners(&api).rules(&query).await?))
}
