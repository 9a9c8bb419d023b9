//! `/jobs`

use axum::{Json, extract::State};
use muster_api::{
    id::JobId,
    jobs::{Job, JobFilter, JobQuery},
    page::{Page, PageQuery},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{OnlyIf, Tagged},
    reply::{Answer, Params, Segment},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(job_list))
        .routes(routes!(job_show))
        .routes(routes!(job_cancel))
}

/// List jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(PageQuery, JobFilter), responses((status = 200, body = Page<Job>)))]
async fn job_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
    Params(filter): Params<JobFilter>,
) -> Answer<Json<Page<Job>>> {
    Ok(Json(api.jobs.list(&actor, &filter, &query).await?))
}

/// Show a job; with `after_lines`, wait for news first.
#[utoipa::path(get, path = "/jobs/{job}", tag = "jobs", params(("job" = JobId, Path, description = "The job's id"), JobQuery), responses(
    (status = 200, body = Job),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn job_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(job): Segment<JobId>,
    Params(query): Params<JobQuery>,
) -> Answer<Tagged<Json<Job>>> {
    let (job, shown) = api.jobs.show(&actor, job, &query).await?;
    Ok(Tagged::new(&job, Json(shown)))
}

/// Cancel a job that has not ended.
#[utoipa::path(post, path = "/jobs/{job}/actions/cancel", tag = "jobs", params(
    ("job" = JobId, Path, description = "The job's id"),
    ("If-Match" = Option<String>, Header, description = "Do it only if the job is still like this"),
), responses(
    (status = 200, body = Job),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn job_cancel(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment(job): Segment<JobId>,
) -> Answer<Json<Job>> {
    Ok(Json(api.jobs.cancel(&actor, &terms, job).await?))
}
