//! `/config`

use axum::{Json, extract::State};
use muster_api::{
    config::{SectionSummary, SectionView},
    page::{Page, PageQuery},
    problem::Problem,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Params, Segment, to_its_end},
};

use crate::control::views::page_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(config_list))
        .routes(routes!(config_show, config_change, config_reset))
}

/// List the sections of the configuration.
#[utoipa::path(get, path = "/config", tag = "config", params(PageQuery), responses((status = 200, body = Page<SectionSummary>)))]
async fn config_list(
    State(api): State<Api>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<SectionSummary>>> {
    Ok(Json(page_of(api.config.list(), &query)?))
}

/// Show a section with its values; secrets are hidden.
#[utoipa::path(get, path = "/config/{section}", tag = "config", params(("section" = String, Path, description = "The section's name")), responses(
    (status = 200, body = SectionView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn config_show(
    State(api): State<Api>,
    Segment(section): Segment<String>,
) -> Answer<Tagged<Json<SectionView>>> {
    let shown = api.config.show(&section)?;
    Ok(Tagged::new(&shown.clone(), Json(shown)))
}

/// Set a section: the body has its values, and what is left out gets its
/// default. It counts at once.
#[utoipa::path(put, path = "/config/{section}", tag = "config", params(("section" = String, Path, description = "The section's name"), DryRun), request_body(content = SectionView, description = "The section's values, as `GET` shows them under `values`"), responses(
    (status = 200, body = SectionView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn config_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(section): Segment<String>,
    On(terms): On,
    Input(values): Input<Value>,
) -> Answer<Tagged<Json<SectionView>>> {
    let work = async move { api.config.change(&actor, &section, values, &terms).await };
    let set = to_its_end(work).await?;
    Ok(Tagged::new(&set.clone(), Json(set)))
}

/// Give a section its defaults again.
#[utoipa::path(delete, path = "/config/{section}", tag = "config", params(("section" = String, Path, description = "The section's name"), DryRun), responses(
    (status = 200, body = SectionView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn config_reset(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(section): Segment<String>,
    On(terms): On,
) -> Answer<Tagged<Json<SectionView>>> {
    let work = async move { api.config.reset(&actor, &section, &terms).await };
    let reset = to_its_end(work).await?;
    Ok(Tagged::new(&reset.clone(), Json(reset)))
}
