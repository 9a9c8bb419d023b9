//! `/permissions`, `/access-roles` and `/access-bindings`

use axum::{Json, extract::State, http::StatusCode};
use muster_api::page::PageQuery;
use muster_api::{
    access::{
        AccessBinding, AccessRole, AccessRoleChange, BindingQuery, NewAccessBinding, NewAccessRole,
        PermissionEntry,
    },
    id::BindingId,
    page::Page,
    permissions::Permission,
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OnlyIf, Tagged},
    reply::{Answer, Input, Params, Segment},
};

use crate::control::views::page_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(permission_list))
        .routes(routes!(access_role_list, access_role_create))
        .routes(routes!(
            access_role_show,
            access_role_change,
            access_role_delete
        ))
        .routes(routes!(access_binding_list, access_binding_create))
        .routes(routes!(access_binding_delete))
}

/// List all permissions, with what each allows.
#[utoipa::path(get, path = "/permissions", tag = "access", params(PageQuery), responses((status = 200, body = Page<PermissionEntry>)))]
async fn permission_list(
    _: Caller,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<PermissionEntry>>> {
    let entry = |permission: &Permission| PermissionEntry {
        permission: *permission,
        description: permission.description().to_owned(),
        reach: permission.scope(),
    };
    let items = Permission::ALL.iter().map(entry).collect();
    Ok(Json(page_of(items, &page)?))
}

/// List the access roles: those from the beginning, then the others by name.
#[utoipa::path(get, path = "/access-roles", tag = "access", params(PageQuery), responses((status = 200, body = Page<AccessRole>)))]
async fn access_role_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<AccessRole>>> {
    Ok(Json(page_of(api.access.roles().await?.items, &page)?))
}

/// Make an access role of permissions that you have everywhere.
#[utoipa::path(post, path = "/access-roles", tag = "access", request_body = NewAccessRole, responses((status = 201, body = AccessRole)))]
async fn access_role_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewAccessRole>,
) -> Answer<Tagged<(StatusCode, Json<AccessRole>)>> {
    let (role, shown) = api.access.create_role(&actor, new).await?;
    Ok(Tagged::new(&role, (StatusCode::CREATED, Json(shown))))
}

/// Show an access role.
#[utoipa::path(get, path = "/access-roles/{role}", tag = "access", params(("role" = String, Path, description = "The access role's name")), responses((status = 200, body = AccessRole)))]
async fn access_role_show(
    State(api): State<Api>,
    Segment(role): Segment<String>,
) -> Answer<Tagged<Json<AccessRole>>> {
    let (role, shown) = api.access.role(&role).await?;
    Ok(Tagged::of(role.as_ref(), Json(shown)))
}

/// Change an access role, at once for everybody who has it.
#[utoipa::path(patch, path = "/access-roles/{role}", tag = "access", params(("role" = String, Path, description = "The access role's name"), ("If-Match" = Option<String>, Header, description = "Change it only if it has this tag still")), request_body = AccessRoleChange, responses((status = 200, body = AccessRole)))]
async fn access_role_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment(role): Segment<String>,
    Input(change): Input<AccessRoleChange>,
) -> Answer<Tagged<Json<AccessRole>>> {
    let (role, shown) = api
        .access
        .change_role(&actor, &terms, &role, change)
        .await?;
    Ok(Tagged::new(&role, Json(shown)))
}

/// Delete an access role that nobody has.
#[utoipa::path(delete, path = "/access-roles/{role}", tag = "access", params(("role" = String, Path, description = "The access role's name"), DryRun), responses((status = 200, body = Plan)))]
async fn access_role_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(role): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.access.delete_role(&actor, &terms, &role).await?))
}

/// List who has which access role where, oldest first.
#[utoipa::path(get, path = "/access-bindings", tag = "access", params(PageQuery, BindingQuery), responses((status = 404, body = Problem, content_type = "application/problem+json"), (status = 200, body = Page<AccessBinding>)))]
async fn access_binding_list(
    State(api): State<Api>,
    Params(query): Params<BindingQuery>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<AccessBinding>>> {
    let all = api.access.bindings(&query).await?.items;
    Ok(Json(page_of(all, &page)?))
}

/// Give somebody an access role, all of which you have there yourself.
#[utoipa::path(post, path = "/access-bindings", tag = "access", request_body = NewAccessBinding, responses((status = 201, body = AccessBinding)))]
async fn access_binding_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewAccessBinding>,
) -> Answer<Tagged<(StatusCode, Json<AccessBinding>)>> {
    let (made, shown) = api.access.bind(&actor, new).await?;
    Ok(Tagged::new(&made, (StatusCode::CREATED, Json(shown))))
}

/// Take an access role from somebody.
#[utoipa::path(delete, path = "/access-bindings/{binding}", tag = "access", params(("binding" = BindingId, Path, description = "The binding's id"), DryRun), responses((status = 200, body = Plan)))]
async fn access_binding_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(binding): Segment<BindingId>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.access.unbind(&actor, &terms, binding).await?))
}
