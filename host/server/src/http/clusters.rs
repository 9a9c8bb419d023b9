//! `/clusters`

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use muster_api::{
    clusters::{Cluster, NewCluster, ScaleCluster, UpgradeCluster},
    jobs::Job,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::{control::terms::Outcome, peers::api::AskedThrough};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(cluster_list, cluster_create))
        .routes(routes!(cluster_show, cluster_scale, cluster_delete))
        .routes(routes!(cluster_upgrade))
}

/// List the clusters of the group by name; there is one at most.
#[utoipa::path(get, path = "/clusters", tag = "clusters", params(PageQuery), responses((status = 200, body = Page<Cluster>)))]
async fn cluster_list(
    State(api): State<Api>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Cluster>>> {
    Ok(Json(api.clusters.list(&query).await?))
}

/// Show a cluster and how its hosts are.
#[utoipa::path(get, path = "/clusters/{cluster}", tag = "clusters", params(("cluster" = String, Path, description = "The cluster's name")), responses(
    (status = 200, body = Cluster),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn cluster_show(
    State(api): State<Api>,
    Segment(cluster): Segment<String>,
) -> Answer<Tagged<Json<Cluster>>> {
    let (cluster, shown) = api.clusters.show(&cluster).await?;
    Ok(Tagged::new(&cluster, Json(shown)))
}

/// Make a cluster of linked hosts. Its control-plane hosts share the group's state,
/// and each of them issues link tokens and accepts every change; with more than one,
/// that state has to lie in PostgreSQL. Apps run on the hosts of the cluster alone.
#[utoipa::path(post, path = "/clusters", tag = "clusters", params(DryRun), request_body = NewCluster, responses(
    (status = 202, description = "The job that makes it", body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn cluster_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(new): Input<NewCluster>,
) -> Answer<Response> {
    Ok(answer(api.clusters.create(&actor, &terms, new).await?))
}

/// Have a cluster made of other hosts. Those that are left out stay linked.
#[utoipa::path(patch, path = "/clusters/{cluster}", tag = "clusters", params(("cluster" = String, Path, description = "The cluster's name"), DryRun), request_body = ScaleCluster, responses(
    (status = 202, description = "The job that does it", body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn cluster_scale(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(cluster): Segment<String>,
    Input(scale): Input<ScaleCluster>,
) -> Answer<Response> {
    let scaled = api.clusters.scale(&actor, &terms, &cluster, scale);
    Ok(answer(scaled.await?))
}

/// Take a cluster apart. All of its hosts stay linked, and the control-plane host
/// that was asked leads from then on.
#[utoipa::path(delete, path = "/clusters/{cluster}", tag = "clusters", params(("cluster" = String, Path, description = "The cluster's name"), DryRun), responses(
    (status = 202, description = "The job that does it", body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn cluster_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    through: Option<Extension<AskedThrough>>,
    Segment(cluster): Segment<String>,
) -> Answer<Response> {
    let asked = through.map(|Extension(AskedThrough(host))| host);
    let deleted = api.clusters.delete(&actor, &terms, &cluster, asked);
    Ok(answer(deleted.await?))
}

/// Have all hosts of a cluster run another version of Muster, one after the other:
/// what runs on a host moves to others, its program is replaced, checked, and
/// confirmed, and it takes instances again. If one fails, all go back to what they
/// ran before. Hosts of neighbouring versions work together meanwhile.
#[utoipa::path(post, path = "/clusters/{cluster}/actions/upgrade", tag = "clusters", params(("cluster" = String, Path, description = "The cluster's name"), DryRun), request_body = UpgradeCluster, responses(
    (status = 202, description = "The job that does it", body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn cluster_upgrade(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(cluster): Segment<String>,
    Input(upgrade): Input<UpgradeCluster>,
) -> Answer<Response> {
    let upgraded = api.clusters.upgrade(&actor, &terms, &cluster, upgrade);
    Ok(answer(upgraded.await?))
}

fn answer(outcome: Outcome<Job>) -> Response {
    match outcome {
        Outcome::Done(job) => (StatusCode::ACCEPTED, Json(job)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    }
}
