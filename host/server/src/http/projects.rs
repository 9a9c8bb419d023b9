//! `/projects`, and apps that go from one to another

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use muster_api::{
    page::{Page, PageQuery},
    plan::Plan,
    projects::{Member, MemberChange, Move, NewProject, Project, ProjectChange},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OnlyIf, OrPlan, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::{terms::Outcome, views::page_of};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(project_list, project_create))
        .routes(routes!(project_show, project_change, project_delete))
        .routes(routes!(project_suspend))
        .routes(routes!(project_resume))
        .routes(routes!(project_terminate))
        .routes(routes!(project_join))
        .routes(routes!(project_leave))
        .routes(routes!(member_list))
        .routes(routes!(member_show, member_put, member_remove))
        .routes(routes!(member_accept))
        .routes(routes!(member_refuse))
        .routes(routes!(app_move))
}

/// List projects by name: those that you may see, and those that anybody may
/// join.
#[utoipa::path(get, path = "/projects", tag = "projects", params(PageQuery), responses((status = 200, body = Page<Project>)))]
async fn project_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Project>>> {
    Ok(Json(api.projects.list(&actor, &query).await?))
}

/// Make a project, which you own then.
#[utoipa::path(post, path = "/projects", tag = "projects", request_body = NewProject, responses((status = 201, body = Project)))]
async fn project_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewProject>,
) -> Answer<Tagged<(StatusCode, Json<Project>)>> {
    let (project, shown) = api.projects.create(&actor, new).await?;
    Ok(Tagged::new(&project, (StatusCode::CREATED, Json(shown))))
}

/// Show a project that you may see, or that anybody may join.
#[utoipa::path(get, path = "/projects/{project}", tag = "projects", params(("project" = String, Path, description = "The project's name or id")), responses((status = 200, body = Project)))]
async fn project_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(project): Segment<String>,
) -> Answer<Tagged<Json<Project>>> {
    let (project, shown) = api.projects.show(&actor, &project).await?;
    Ok(Tagged::new(&project, Json(shown)))
}

/// Change a project's description, or who may join and leave.
#[utoipa::path(patch, path = "/projects/{project}", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("If-Match" = Option<String>, Header, description = "Change it only if it has this tag still")), request_body = ProjectChange, responses((status = 200, body = Project)))]
async fn project_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment(project): Segment<String>,
    Input(change): Input<ProjectChange>,
) -> Answer<Tagged<Json<Project>>> {
    let changed = api.projects.change(&actor, &terms, &project, change);
    let (project, shown) = changed.await?;
    Ok(Tagged::new(&project, Json(shown)))
}

/// Delete a project that has no apps and no routes any more.
#[utoipa::path(delete, path = "/projects/{project}", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), DryRun), responses((status = 200, body = Plan)))]
async fn project_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(project): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.projects.delete(&actor, &terms, &project).await?))
}

/// Let nothing more be added or started in a project. What runs goes on. Takes
/// `project:write` everywhere.
#[utoipa::path(post, path = "/projects/{project}/actions/suspend", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), DryRun), responses((status = 200, body = Plan)))]
async fn project_suspend(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(project): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.projects.suspend(&actor, &terms, &project).await?))
}

/// Let a suspended project go on. Takes `project:write` everywhere.
#[utoipa::path(post, path = "/projects/{project}/actions/resume", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), DryRun), responses((status = 200, body = Plan)))]
async fn project_resume(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(project): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.projects.resume(&actor, &terms, &project).await?))
}

/// Stop a project's apps and take everybody out of it, for good.
#[utoipa::path(post, path = "/projects/{project}/actions/terminate", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), DryRun), responses((status = 200, body = Plan)))]
async fn project_terminate(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(project): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(
        api.projects.terminate(&actor, &terms, &project).await?,
    ))
}

/// Join a project, or ask to be let in.
#[utoipa::path(post, path = "/projects/{project}/actions/join", tag = "projects", params(("project" = String, Path, description = "The project's name or id")), responses((status = 200, body = Project)))]
async fn project_join(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(project): Segment<String>,
) -> Answer<Json<Project>> {
    Ok(Json(api.projects.join(&actor, &project).await?))
}

/// Leave a project, or ask to be let out. `If-Match` is about your membership.
#[utoipa::path(post, path = "/projects/{project}/actions/leave", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), DryRun), responses(
    (status = 200, description = "The project; for a dry run, the plan", body = OrPlan<Project>),
))]
async fn project_leave(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(project): Segment<String>,
) -> Answer<Json<OrPlan<Project>>> {
    let left = api.projects.leave(&actor, &terms, &project);
    Ok(Json(left.await?.into()))
}

/// List who is in a project, and who has asked to be let in or out; oldest
/// first.
#[utoipa::path(get, path = "/projects/{project}/members", tag = "projects", params(PageQuery, ("project" = String, Path, description = "The project's name or id")), responses((status = 200, body = Page<Member>)))]
async fn member_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(project): Segment<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<Member>>> {
    let all = api.projects.members(&actor, &project).await?.items;
    Ok(Json(page_of(all, &page)?))
}

/// Show as what somebody is in a project.
#[utoipa::path(get, path = "/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("user" = String, Path, description = "The user's name")), responses((status = 200, body = Member)))]
async fn member_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment((project, user)): Segment<(String, String)>,
) -> Answer<Tagged<Json<Member>>> {
    let (member, shown) = api.projects.member(&actor, &project, &user).await?;
    Ok(Tagged::new(&member, Json(shown)))
}

/// Put somebody into a project, or change as what they are in it.
#[utoipa::path(put, path = "/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("user" = String, Path, description = "The user's name"), DryRun), request_body = MemberChange, responses(
    (status = 200, description = "The member; for a dry run, the plan", body = OrPlan<Member>),
))]
async fn member_put(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment((project, user)): Segment<(String, String)>,
    Input(change): Input<MemberChange>,
) -> Answer<Response> {
    let put = api
        .projects
        .put_member(&actor, &terms, &project, &user, change.role);
    Ok(match put.await? {
        Outcome::Done((member, shown)) => Tagged::new(&member, Json(shown)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Take somebody out of a project.
#[utoipa::path(delete, path = "/projects/{project}/members/{user}", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("user" = String, Path, description = "The user's name"), DryRun), responses((status = 200, body = Plan)))]
async fn member_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment((project, user)): Segment<(String, String)>,
) -> Answer<Json<Plan>> {
    let removed = api.projects.remove_member(&actor, &terms, &project, &user);
    Ok(Json(removed.await?))
}

/// Grant what somebody asked for: to be let in, or out.
#[utoipa::path(post, path = "/projects/{project}/members/{user}/actions/accept", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("user" = String, Path, description = "The user's name")), responses((status = 200, body = Page<Member>)))]
async fn member_accept(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment((project, user)): Segment<(String, String)>,
) -> Answer<Json<Page<Member>>> {
    let members = api.projects.decide(&actor, &project, &user, true);
    Ok(Json(members.await?))
}

/// Refuse what somebody asked for: to be let in, or out.
#[utoipa::path(post, path = "/projects/{project}/members/{user}/actions/refuse", tag = "projects", params(("project" = String, Path, description = "The project's name or id"), ("user" = String, Path, description = "The user's name")), responses((status = 200, body = Page<Member>)))]
async fn member_refuse(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment((project, user)): Segment<(String, String)>,
) -> Answer<Json<Page<Member>>> {
    let members = api.projects.decide(&actor, &project, &user, false);
    Ok(Json(members.await?))
}

/// Move an app into another project.
///
/// Its routes and jobs go along. It takes the rights of an owner where it is, and
/// the rights to push and to add routes where it goes.
#[utoipa::path(post, path = "/apps/{app}/actions/move", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), request_body = Move, responses((status = 200, body = Plan)))]
async fn app_move(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
    Input(to): Input<Move>,
) -> Answer<Json<Plan>> {
    let moved = api.projects.move_app(&actor, &terms, &app, &to.project);
    Ok(Json(moved.await?))
}
