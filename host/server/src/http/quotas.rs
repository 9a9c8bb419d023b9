//! `/quotas`, and what projects use

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use muster_api::{
    id::QuotaId,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    quotas::{NewQuota, Quota, QuotaQuery, Usage},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OrPlan, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::{terms::Outcome, views::page_of};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(quota_list, quota_set))
        .routes(routes!(quota_show, quota_unset))
        .routes(routes!(quota_enforce))
        .routes(routes!(quota_usage))
}

/// List the quotas of the projects that you may see, and those that hold for
/// every project; oldest first.
#[utoipa::path(get, path = "/quotas", tag = "quotas", params(PageQuery, QuotaQuery), responses((status = 404, body = Problem, content_type = "application/problem+json"), (status = 200, body = Page<Quota>)))]
async fn quota_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<QuotaQuery>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<Quota>>> {
    let all = api.quotas.list(&actor, &query).await?.items;
    Ok(Json(page_of(all, &page)?))
}

/// Set a quota, in place of the one before. What is over it already goes on; see
/// `POST /quotas/actions/enforce`. `If-Match` is about the quota that is there.
#[utoipa::path(put, path = "/quotas", tag = "quotas", params(DryRun), request_body = NewQuota, responses(
    (status = 200, description = "The quota; for a dry run, the plan", body = OrPlan<Quota>),
))]
async fn quota_set(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(new): Input<NewQuota>,
) -> Answer<Response> {
    Ok(match api.quotas.set(&actor, &terms, new).await? {
        Outcome::Done((quota, shown)) => Tagged::new(&quota, Json(shown)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Show a quota.
#[utoipa::path(get, path = "/quotas/{quota}", tag = "quotas", params(("quota" = QuotaId, Path, description = "The quota's id")), responses((status = 200, body = Quota)))]
async fn quota_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(quota): Segment<QuotaId>,
) -> Answer<Tagged<Json<Quota>>> {
    let (quota, shown) = api.quotas.show(&actor, quota).await?;
    Ok(Tagged::new(&quota, Json(shown)))
}

/// Take a quota away.
#[utoipa::path(delete, path = "/quotas/{quota}", tag = "quotas", params(("quota" = QuotaId, Path, description = "The quota's id"), DryRun), responses((status = 200, body = Plan)))]
async fn quota_unset(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(quota): Segment<QuotaId>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.quotas.unset(&actor, &terms, quota).await?))
}

/// Stop apps, the newest first, until what runs is within the quotas.
#[utoipa::path(post, path = "/quotas/actions/enforce", tag = "quotas", params(QuotaQuery, DryRun), responses((status = 404, body = Problem, content_type = "application/problem+json"), (status = 200, body = Plan)))]
async fn quota_enforce(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Params(query): Params<QuotaQuery>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.quotas.enforce(&actor, &terms, &query).await?))
}

/// Show what a project uses of everything, what jobs under way have reserved,
/// and what is allowed.
#[utoipa::path(get, path = "/projects/{project}/usage", tag = "quotas", params(PageQuery, ("project" = String, Path, description = "The project's name or id")), responses((status = 200, body = Page<Usage>)))]
async fn quota_usage(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(project): Segment<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<Usage>>> {
    let all = api.quotas.usage(&actor, &project).await?.items;
    Ok(Json(page_of(all, &page)?))
}
