//! `/roles`

use axum::{Json, extract::State};
use muster_api::{apps::DeletionPlan, page::Page, problem::Problem, roles::Role};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    apps::DryRun,
    caller::Caller,
    reply::{Answer, Params, Raw, Segment},
};
use crate::control::error::ControlError;

/// The largest plugin.
const MAX_PLUGIN: usize = 64 << 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(role_list))
        .routes(routes!(role_show, role_add, role_remove))
}

/// List the roles of this host and those that it could have.
#[utoipa::path(get, path = "/roles", tag = "roles", responses((status = 200, body = Page<Role>)))]
async fn role_list(State(api): State<Api>, _: Caller) -> Answer<Json<Page<Role>>> {
    Ok(Json(api.roles.list().await?))
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
) -> Answer<Json<Role>> {
    Ok(Json(api.roles.show(&role).await?))
}

/// Have a plugin play a role: the component in the body, or without a body the
/// bundled one. The plugin that played it before goes on until the new one has
/// started.
#[utoipa::path(put, path = "/roles/{role}", tag = "roles", params(("role" = String, Path, description = "The role's name")), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, body = Role),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn role_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(role): Segment<String>,
    Raw(component): Raw<MAX_PLUGIN>,
) -> Answer<Json<Role>> {
    let component = (!component.is_empty()).then_some(component);
    let work = async move { api.roles.add(&actor, &role, component).await };
    Ok(Json(to_its_end(work).await?))
}

/// Take a role from this host.
#[utoipa::path(delete, path = "/roles/{role}", tag = "roles", params(("role" = String, Path, description = "The role's name"), DryRun), responses(
    (status = 200, body = DeletionPlan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn role_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(role): Segment<String>,
    Params(how): Params<DryRun>,
) -> Answer<Json<DeletionPlan>> {
    let work = async move { api.roles.remove(&actor, &role, how.dry_run).await };
    Ok(Json(to_its_end(work).await?))
}

/// A change of roles goes on even if the client does not wait: the database and
/// what is in force must not differ.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ControlError> {
    let failed = |error| ControlError::Internal(format!("a change of roles failed: {error}"));
    tokio::spawn(work).await.map_err(failed)?
}
