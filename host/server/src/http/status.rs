//! `/info` and `/status`

use axum::{Json, extract::State};
use muster_api::{
    apps::DesiredState,
    problem::Problem,
    roles::RoleState,
    status::{Info, InfoChange, Status},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, to_its_end},
};
use crate::control::{error::ControlError, this_host::Whereabouts};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(info_show, info_change))
        .routes(routes!(status_show))
}

/// What this host is.
#[utoipa::path(get, path = "/info", tag = "host", responses((status = 200, body = Info)))]
async fn info_show(State(api): State<Api>, _: Caller) -> Answer<Tagged<Json<Info>>> {
    let settled = api.this_host.whereabouts();
    let info = info(&api, &settled).await?;
    Ok(Tagged::new(&settled, Json(info)))
}

/// Change what this host is called, or announce where it is about to move.
#[utoipa::path(patch, path = "/info", tag = "host", params(DryRun), request_body = InfoChange, responses(
    (status = 200, body = Info),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn info_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(change): Input<InfoChange>,
) -> Answer<Tagged<Json<Info>>> {
    let host = api.this_host.clone();
    let settled = to_its_end(async move { host.change(&actor, &terms, change).await }).await?;
    let info = info(&api, &settled).await?;
    Ok(Tagged::new(&settled, Json(info)))
}

async fn info(api: &Api, settled: &Whereabouts) -> Result<Info, ControlError> {
    let all = api.roles.list().await?.items;
    let (here, available): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|role| role.state != RoleState::Absent);
    let names =
        |roles: Vec<muster_api::roles::Role>| roles.into_iter().map(|role| role.name).collect();
    let host = &api.host;
    Ok(Info {
        id: host.id,
        name: settled.name.clone(),
        next_addresses: settled.next_addresses.clone(),
        version: muster_store::version().to_owned(),
        engine: muster_engine::VERSION.to_owned(),
        management: format!("http://{}", host.management),
        apps: format!("http://{}", host.apps),
        app_domain: host.app_domain.clone(),
        roles: names(here),
        available: names(available),
        elsewhere: api.links.roles_elsewhere().await?,
        offered: muster_engine::offered(),
    })
}

/// How this host is.
#[utoipa::path(get, path = "/status", tag = "host", responses((status = 200, body = Status)))]
async fn status_show(State(api): State<Api>, _: Caller) -> Answer<Json<Status>> {
    Ok(Json(status(&api).await?))
}

/// How this host is.
pub(super) async fn status(api: &Api) -> Result<Status, ControlError> {
    let roles: Vec<_> = api
        .roles
        .list()
        .await?
        .items
        .into_iter()
        .filter(|role| role.state != RoleState::Absent)
        .collect();
    let followed = api.links.followed();
    let mut apps = api.store.app_all().await?;
    apps.extend(followed.state.apps.iter().cloned());
    let mut attention = Vec::new();
    for role in roles
        .iter()
        .filter(|role| matches!(role.state, RoleState::Failing | RoleState::Degraded))
    {
        let why = role.last_error.as_deref().unwrap_or("no reason is known");
        attention.push(format!(
            "role {}: {}",
            role.name,
            why.lines().next().unwrap_or_default()
        ));
    }
    let (mut running, mut desired) = (0, 0);
    for app in apps.iter().filter(|app| app.state == DesiredState::Started) {
        let told = followed.state.serving.iter().filter(|it| it.app == app.id);
        let told = u32::try_from(told.count()).unwrap_or(u32::MAX);
        let serving = api.fleet.running(app.id).max(told);
        running += serving;
        desired += app.instances;
        if serving < app.instances && app.current_release.is_some() {
            attention.push(format!(
                "app {}: {serving} of {} instances serve",
                app.name, app.instances
            ));
        }
    }
    let ready = attention.is_empty();
    // What somebody wants so, and how other hosts are, keeps this one from nothing.
    let stopped = roles.iter().filter(|role| role.state == RoleState::Stopped);
    attention.extend(stopped.map(|role| format!("role {}: it was stopped", role.name)));
    attention.extend(api.links.attention().await?);
    Ok(Status {
        host: api.host.name.get(),
        ready,
        uptime_seconds: api.host.started.elapsed().as_secs(),
        roles,
        apps: u32::try_from(apps.len()).unwrap_or(u32::MAX),
        running,
        desired,
        attention,
    })
}
