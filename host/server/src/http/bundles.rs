//! `/bundles`

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use muster_api::{
    bundles::{Bundle, BundleDetail, NewBundle, PutQuery},
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OrPlan, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::terms::Outcome;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(bundle_list))
        .routes(routes!(bundle_show, bundle_put, bundle_remove))
        .routes(routes!(bundle_file))
}

/// List the bundles of the group by name; of a host that stands alone, its own.
#[utoipa::path(get, path = "/bundles", tag = "bundles", params(PageQuery), responses((status = 200, body = Page<Bundle>)))]
async fn bundle_list(
    State(api): State<Api>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Bundle>>> {
    Ok(Json(api.bundles.list(&query).await?))
}

/// Show a bundle, its files, and how much of it each host lacks. A follower knows
/// of itself alone; its leader of all.
#[utoipa::path(get, path = "/bundles/{bundle}", tag = "bundles", params(("bundle" = String, Path, description = "The bundle's name")), responses(
    (status = 200, body = BundleDetail),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn bundle_show(
    State(api): State<Api>,
    Segment(bundle): Segment<String>,
) -> Answer<Tagged<Json<BundleDetail>>> {
    let (bundle, shown) = api.bundles.show(&bundle).await?;
    Ok(Tagged::new(&bundle, Json(shown)))
}

/// Put a bundle, whose blocks must have been uploaded. Every host of the group
/// gets it. One that has other content under that name is in the way unless it
/// is to be replaced; the same content once more changes nothing.
#[utoipa::path(put, path = "/bundles/{bundle}", tag = "bundles", params(("bundle" = String, Path, description = "The bundle's name: lower-case letters, digits and inner hyphens"), PutQuery, DryRun), request_body = NewBundle, responses(
    (status = 200, description = "The bundle; for a dry run, the plan", body = OrPlan<Bundle>),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn bundle_put(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Params(how): Params<PutQuery>,
    Segment(bundle): Segment<String>,
    Input(new): Input<NewBundle>,
) -> Answer<Response> {
    let put = api.bundles.put(&actor, &terms, &bundle, new, how.replace);
    Ok(match put.await? {
        Outcome::Done((bundle, shown)) => Tagged::new(&bundle, Json(shown)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Remove a bundle, on every host of the group.
#[utoipa::path(delete, path = "/bundles/{bundle}", tag = "bundles", params(("bundle" = String, Path, description = "The bundle's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn bundle_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(bundle): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.bundles.remove(&actor, &terms, &bundle).await?))
}

/// Download a file of a bundle. A host that has not got it yet fetches it first.
#[utoipa::path(get, path = "/bundles/{bundle}/files/{path}", tag = "bundles", params(("bundle" = String, Path, description = "The bundle's name"), ("path" = String, Path, description = "The file's path, with its slashes escaped as %2F")), responses(
    (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Not all of the file has arrived, and no other host can be asked for the rest", body = Problem, content_type = "application/problem+json"),
))]
async fn bundle_file(
    State(api): State<Api>,
    Segment((bundle, path)): Segment<(String, String)>,
) -> Answer<Response> {
    let (size, bytes) = api.bundles.file(&bundle, &path).await?;
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((head, Body::from_stream(bytes)).into_response())
}
