//! `/info` and `/status`

use axum::{Json, extract::State};
use muster_api::{
    apps::DesiredState,
    roles::RoleState,
    status::{Info, Status},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, caller::Caller, reply::Answer};
use crate::control::error::ControlError;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(info_show))
        .routes(routes!(status_show))
}

/// What this host is.
#[utoipa::path(get, path = "/info", tag = "host", responses((status = 200, body = Info)))]
async fn info_show(State(api): State<Api>, _: Caller) -> Answer<Json<Info>> {
    let all = api.roles.list().await?.items;
    let (here, available): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|role| role.state != RoleState::Absent);
    let names =
        |roles: Vec<muster_api::roles::Role>| roles.into_iter().map(|role| role.name).collect();
    let host = &api.host;
    Ok(Json(Info {
        id: host.id,
        name: host.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: muster_engine::VERSION.to_owned(),
        management: format!("http://{}", host.management),
        apps: format!("http://{}", host.apps),
        app_domain: host.app_domain.clone(),
        roles: names(here),
        available: names(available),
        elsewhere: api.links.roles_elsewhere().await?,
        offered: muster_engine::offered(),
    }))
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
    // How other hosts are keeps this one from nothing.
    attention.extend(api.links.attention().await?);
    Ok(Status {
        host: api.host.name.clone(),
        ready,
        uptime_seconds: api.host.started.elapsed().as_secs(),
        roles,
        apps: u32::try_from(apps.len()).unwrap_or(u32::MAX),
        running,
        desired,
        attention,
    })
}
