//! `/certificates`

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use muster_api::{
    certificates::{Certificate, NewCertificate},
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
        .routes(routes!(certificate_list))
        .routes(routes!(
            certificate_show,
            certificate_put,
            certificate_remove
        ))
}

/// List the certificates by which load balancers end TLS. A follower that is no
/// load balancer knows of none; its leader of all.
#[utoipa::path(get, path = "/certificates", tag = "certificates", params(PageQuery), responses((status = 200, body = Page<Certificate>)))]
async fn certificate_list(
    State(api): State<Api>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Certificate>>> {
    Ok(Json(api.certificates.list(&query).await?))
}

/// Show a certificate. Its key is never shown.
#[utoipa::path(get, path = "/certificates/{certificate}", tag = "certificates", params(("certificate" = String, Path, description = "The certificate's name")), responses(
    (status = 200, body = Certificate),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn certificate_show(
    State(api): State<Api>,
    Segment(certificate): Segment<String>,
) -> Answer<Tagged<Json<Certificate>>> {
    let (record, shown) = api.certificates.show(&certificate).await?;
    Ok(Tagged::new(&record, Json(shown)))
}

/// Put a certificate with its key, or have one made. It takes the place of the
/// one of that name; load balancers show it from the next connection on.
#[utoipa::path(put, path = "/certificates/{certificate}", tag = "certificates", params(("certificate" = String, Path, description = "The certificate's name: lower-case letters, digits and inner hyphens"), DryRun), request_body = NewCertificate, responses(
    (status = 200, description = "The certificate; for a dry run, the plan", body = OrPlan<Certificate>),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn certificate_put(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(certificate): Segment<String>,
    Input(new): Input<NewCertificate>,
) -> Answer<Response> {
    let put = api.certificates.put(&actor, &terms, &certificate, new);
    Ok(match put.await? {
        Outcome::Done((record, shown)) => Tagged::new(&record, Json(shown)).into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Remove a certificate. Connections that stand go on.
#[utoipa::path(delete, path = "/certificates/{certificate}", tag = "certificates", params(("certificate" = String, Path, description = "The certificate's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn certificate_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(certificate): Segment<String>,
) -> Answer<Json<Plan>> {
    let removed = api.certificates.remove(&actor, &terms, &certificate);
    Ok(Json(removed.await?))
}
