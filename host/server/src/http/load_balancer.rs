//! `/load-balancer`

use axum::{Json, extract::State};
use muster_api::{
    config::load_balancer::LoadBalancer,
    id::HostId,
    load_balancer::{LoadBalancerStatus, Upstream, UpstreamState},
    problem::Problem,
};
use muster_ingress::balance::{Condition, Shown};
use time::OffsetDateTime;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, reply::Answer};
use crate::{control::error::ControlError, roles::catalog::ALONE};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(load_balancer_show))
}

/// Show this host's load balancer: the routers that it knows, and how each does.
#[utoipa::path(get, path = "/load-balancer", tag = "host", responses(
    (status = 200, body = LoadBalancerStatus),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn load_balancer_show(State(api): State<Api>) -> Answer<Json<LoadBalancerStatus>> {
    let (record, _) = api.roles.show(ALONE).await?;
    if record.is_none() {
        return Err(ControlError::Conflict {
            code: "role-missing",
            message: format!("this host has no role {ALONE}"),
            remedy: "ask a host that has it, with --node NAME; see: muster node list".to_owned(),
        }
        .into());
    }
    let (address, tls_address) = api.balancing.addresses().unzip();
    let section: LoadBalancer = api.config.get();
    Ok(Json(LoadBalancerStatus {
        host: api.host.name.get(),
        address: address.map(|it| it.to_string()),
        tls_address: tls_address.map(|it| it.to_string()),
        policy: section.policy,
        draining: api.balancing.balance.is_leaving(),
        upstreams: api.balancing.upstreams().into_iter().map(view).collect(),
    }))
}

fn view(shown: Shown) -> Upstream {
    let failure = shown.last_failure;
    Upstream {
        host: HostId(shown.listed.id),
        name: shown.listed.name,
        addresses: shown.listed.addresses,
        weight: shown.listed.weight,
        state: match shown.condition {
            Condition::Up => UpstreamState::Up,
            Condition::Resting => UpstreamState::Resting,
            Condition::Down => UpstreamState::Down,
            Condition::Draining => UpstreamState::Draining,
            Condition::OutOfReach => UpstreamState::OutOfReach,
        },
        in_flight: shown.in_flight,
        served: shown.served,
        failed: shown.failed,
        last_failure_at: failure.as_ref().map(|it| OffsetDateTime::from(it.at)),
        last_failure: shown.listed.out_of_reach.or(failure.map(|it| it.what)),
    }
}
