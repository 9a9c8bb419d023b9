//! `/backups`

use axum::{Json, extract::State, http::StatusCode};
use muster_api::{
    backups::{Backup, NewBackup},
    jobs::Job,
    page::Page,
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Segment},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(backup_list, backup_create))
        .routes(routes!(backup_show, backup_delete))
        .routes(routes!(backup_verify))
}

/// List the backups where this host's go.
#[utoipa::path(get, path = "/backups", tag = "backups", responses(
    (status = 200, body = Page<Backup>),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn backup_list(State(api): State<Api>) -> Answer<Json<Page<Backup>>> {
    let items = api.backups.list().await?;
    Ok(Json(Page { items, next: None }))
}

/// Make a backup of everything that this host remembers.
#[utoipa::path(post, path = "/backups", tag = "backups", request_body = NewBackup, responses(
    (status = 202, body = Job),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn backup_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(asked): Input<NewBackup>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = api.backups.begin_create(&actor, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Show a backup.
#[utoipa::path(get, path = "/backups/{backup}", tag = "backups", params(("backup" = String, Path, description = "The name of its file")), responses(
    (status = 200, body = Backup),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn backup_show(
    State(api): State<Api>,
    Segment(backup): Segment<String>,
) -> Answer<Tagged<Json<Backup>>> {
    let backup = api.backups.show(&backup).await?;
    Ok(Tagged::new(&backup.clone(), Json(backup)))
}

/// Read a backup to its end, without restoring it.
#[utoipa::path(post, path = "/backups/{backup}/actions/verify", tag = "backups", params(("backup" = String, Path, description = "The name of its file")), responses(
    (status = 202, body = Job),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn backup_verify(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(backup): Segment<String>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = api.backups.begin_verify(&actor, &backup).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Remove a backup.
#[utoipa::path(delete, path = "/backups/{backup}", tag = "backups", params(("backup" = String, Path, description = "The name of its file"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server is away", body = Problem, content_type = "application/problem+json"),
))]
async fn backup_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(backup): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.backups.delete(&actor, &terms, &backup).await?))
}
