//! `/info` and `/status`

use axum::{Json, extract::State};
use muster_api::{
    apps::DesiredState,
    problem::Problem,
    roles::RoleState,
    status::{Info, InfoChange, Status},
};
use muster_store::AppRecord;
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
    let apps = apps(api).await?;
    let (mut running, mut desired, mut elsewhere) = (0, 0, Vec::new());
    let started = |it: &&Serving| it.app.state == DesiredState::Started;
    for serving in apps.iter().filter(started) {
        let (app, everywhere) = (&serving.app, serving.everywhere);
        running += everywhere;
        desired += app.instances;
        if everywhere < app.instances && app.current_release.is_some() {
            let short = format!(
                "app {}: {everywhere} of {} instances serve",
                app.name, app.instances
            );
            match serving.here < serving.share {
                true => attention.push(short),
                false => elsewhere.push(short),
            }
        }
    }
    let ready = attention.is_empty();
    attention.extend(elsewhere);
    // What somebody wants so, and how other hosts are, keeps this one from nothing.
    let stopped = roles.iter().filter(|role| role.state == RoleState::Stopped);
    attention.extend(stopped.map(|role| format!("role {}: it was stopped", role.name)));
    attention.extend(api.links.attention().await?);
    attention.extend(api.queues.bus_away());
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

/// How many instances of an app serve.
struct Serving {
    app: AppRecord,
    /// On all hosts, as far as this one knows.
    everywhere: u32,
    /// Of those that this host answers for.
    here: u32,
    /// How many this host answers for: of an app of its own all of them, of one that
    /// its leader has placed those that were placed here.
    share: u32,
}

/// How the apps serve, those of this host's leader included.
async fn apps(api: &Api) -> Result<Vec<Serving>, ControlError> {
    let own = api.store.app_all().await?.into_iter().map(|app| {
        let serving = api.fleet.running(app.id);
        Serving {
            everywhere: serving,
            here: serving,
            share: app.instances,
            app,
        }
    });
    let followed = api.links.followed();
    let told = followed.state.apps.iter().map(|app| {
        let here = api.fleet.running(app.id);
        let (serving, placements) = (&followed.state.serving, &followed.state.placements);
        let elsewhere = serving
            .iter()
            .filter(|it| it.app == app.id && it.host != api.host.id);
        let share = placements.iter().filter(|it| {
            it.app == app.id && it.host == api.host.id && Some(it.release) == app.current_release
        });
        Serving {
            everywhere: here + count(elsewhere),
            here,
            share: count(share),
            app: app.clone(),
        }
    });
    Ok(own.chain(told).collect())
}

fn count(all: impl Iterator) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}
