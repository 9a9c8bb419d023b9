//! `/audit`

use std::io;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use muster_api::{
    audit::{AuditFilter, AuditHead, AuditRecord, AuditVerification},
    page::{Page, PageQuery},
    problem::Problem,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    reply::{Answer, Params},
};
use crate::control::error::ControlError;

/// An object a line.
const NDJSON: &str = "application/x-ndjson";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(audit_list))
        .routes(routes!(audit_export))
        .routes(routes!(audit_verify))
}

/// What to compare the log with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Noted {
    /// A place that was noted earlier, as `NUMBER:HASH`.
    head: Option<String>,
}

/// List what was done and what was refused, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(PageQuery, AuditFilter), responses(
    (status = 200, body = Page<AuditRecord>),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn audit_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
    Params(filter): Params<AuditFilter>,
) -> Answer<Json<Page<AuditRecord>>> {
    Ok(Json(api.audit.list(&filter, &page).await?))
}

/// Export everything that matches, oldest first, with hashes, an object a line.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditFilter), responses(
    (status = 200, body = AuditRecord, content_type = "application/x-ndjson"),
))]
async fn audit_export(
    State(api): State<Api>,
    Params(filter): Params<AuditFilter>,
) -> Answer<Response> {
    let parts = api.audit.export(filter).await?;
    let ending = api.ending.clone();
    let body = parts.map(move |part| {
        // An export that ends early must not look like one that is whole.
        if ending.is_cancelled() {
            return Err(io::Error::other("the host stops"));
        }
        lines(&part.map_err(io::Error::other)?)
    });
    let kind = [(header::CONTENT_TYPE, NDJSON)];
    Ok((kind, Body::from_stream(body)).into_response())
}

fn lines(part: &[AuditRecord]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for record in part {
        serde_json::to_writer(&mut text, record)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Check whether every entry is what was written, and none is missing.
#[utoipa::path(get, path = "/audit/verification", tag = "audit", params(Noted), responses(
    (status = 200, body = AuditVerification),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn audit_verify(
    State(api): State<Api>,
    Params(noted): Params<Noted>,
) -> Answer<Json<AuditVerification>> {
    let head = noted
        .head
        .as_deref()
        .map(str::parse::<AuditHead>)
        .transpose();
    let head = head.map_err(|error| ControlError::invalid("head", error.to_string()))?;
    Ok(Json(api.audit.verify(head).await?))
}
