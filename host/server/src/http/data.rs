//! `/data`

use axum::{Json, extract::State};
use muster_api::{
    data::{DataImport, ExportQuery, ExportedData, ImportPlan},
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On},
    reply::{Answer, Input, Params},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(data_export, data_import))
}

/// Export apps with their settings, routes, releases and droplets, for another
/// Muster. Their blocks are fetched one by one.
#[utoipa::path(get, path = "/data", tag = "data", params(ExportQuery), responses(
    (status = 200, body = ExportedData),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn data_export(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<ExportQuery>,
) -> Answer<Json<ExportedData>> {
    Ok(Json(api.data.export(&actor, query.apps.as_deref()).await?))
}

/// Import apps that another Muster has exported, once their blocks are uploaded.
#[utoipa::path(post, path = "/data", tag = "data", params(DryRun), request_body = DataImport, responses(
    (status = 200, description = "What was done, or would be for a dry run", body = ImportPlan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 413, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn data_import(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(asked): Input<DataImport>,
) -> Answer<Json<ImportPlan>> {
    Ok(Json(api.data.import(&actor, &terms, asked).await?))
}
