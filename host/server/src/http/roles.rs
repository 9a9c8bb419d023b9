//! `/roles`

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use muster_api::{
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    roles::Role,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OrPlan, Tagged},
    reply::{Answer, Params, Raw, Segment, to_its_end},
};
use crate::control::{error::ControlError, terms::Outcome, views::page_of};

/// The largest plugin.
const MAX_PLUGIN: usize = 64 << 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(role_list))
        .routes(routes!(role_show, role_add, role_remove))
        .routes(routes!(role_start))
        .routes(routes!(role_stop))
        .routes(routes!(role_restart))
}

/// List the roles of this host and those that it could have.
#[utoipa::path(get, path = "/roles", tag = "roles", params(PageQuery), responses((status = 200, body = Page<Role>)))]
async fn role_list(
    State(api): State<Api>,
    _: Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Role>>> {
    Ok(Json(page_of(api.roles.list().await?.items, &query)?))
}

/// Show a role and the plugin that plays it.
#[utoipa::path(get, path = "/roles/{role}", tag = "roles", params(("role" = String, Path, description = "The role's name")), responses(
    (status = 200, body = Role),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn role_show(
    State(api): State<Api>,
    _: Caller,
    Segment(role): Segment<String>,
) -> Answer<Tagged<Json<Role>>> {
    let (record, shown) = api.roles.show(&role).await?;
    Ok(Tagged::of(record.as_ref(), Json(shown)))
}

/// By what a role is played.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Playing {
    /// Take the component from this bundle, which is a plugin, in place of the
    /// body.
    bundle: Option<String>,
}

/// Have a plugin play a role: the component in the body or in a bundle, or
/// without either the bundled one. The plugin that played it before goes on until the new one has
/// started.
#[utoipa::path(put, path = "/roles/{role}", tag = "roles", params(("role" = String, Path, description = "The role's name"), Playing, DryRun), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "The role; for a dry run, the plan", body = OrPlan<Role>),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn role_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Params(playing): Params<Playing>,
    Segment(role): Segment<String>,
    Raw(component): Raw<MAX_PLUGIN>,
) -> Answer<Response> {
    let component = match (playing.bundle, component.is_empty()) {
        (None, empty) => (!empty).then_some(component),
        (Some(bundle), true) => {
            let component = api.bundles.component(&actor, &bundle, MAX_PLUGIN as u64);
            Some(component.await?)
        }
        (Some(_), false) => {
            let why = "there is a component in the body, too; only one of them can play the role";
            return Err(ControlError::invalid("bundle", why).into());
        }
    };
    let work = async move { api.roles.add(&actor, &terms, &role, component).await };
    Ok(match to_its_end(work).await? {
        Outcome::Done((record, role)) => Tagged::of(record.as_ref(), Json(role)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Take a role from this host.
#[utoipa::path(delete, path = "/roles/{role}", tag = "roles", params(("role" = String, Path, description = "The role's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn role_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(role): Segment<String>,
) -> Answer<Json<Plan>> {
    let work = async move { api.roles.remove(&actor, &terms, &role).await };
    Ok(Json(to_its_end(work).await?))
}

/// Start a role that was stopped.
#[utoipa::path(post, path = "/roles/{role}/actions/start", tag = "roles", params(("role" = String, Path, description = "The role's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn role_start(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(role): Segment<String>,
) -> Answer<Json<Plan>> {
    let work = async move { api.roles.start(&actor, &terms, &role).await };
    Ok(Json(to_its_end(work).await?))
}

/// Stop a role until it is started again, also over restarts of the host. Its
/// plugin stays installed.
#[utoipa::path(post, path = "/roles/{role}/actions/stop", tag = "roles", params(("role" = String, Path, description = "The role's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn role_stop(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(role): Segment<String>,
) -> Answer<Json<Plan>> {
    let work = async move { api.roles.stop(&actor, &terms, &role).await };
    Ok(Json(to_its_end(work).await?))
}

/// Have a new instance of its plugin play a role. The one that played it goes on
/// until the new one has started; what a `dea` runs goes on, too.
#[utoipa::path(post, path = "/roles/{role}/actions/restart", tag = "roles", params(("role" = String, Path, description = "The role's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn role_restart(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(role): Segment<String>,
) -> Answer<Json<Plan>> {
    let work = async move { api.roles.restart(&actor, &terms, &role).await };
    Ok(Json(to_its_end(work).await?))
}
