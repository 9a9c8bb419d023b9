//! The description of the API, made from the handlers.

use axum::{Json, Router, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use super::{Api, authorization, oauth, v1};

#[derive(OpenApi)]
#[openapi(
    info(title = "Muster", description = "Apps, routes and roles of a Muster host."),
    security(("token" = [])),
)]
struct Base;

/// The routes that the table of operations has, under their prefixes, and their
/// description.
pub(super) fn with_document() -> (Router<Api>, Document) {
    let mut base = Base::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    base.components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(scheme));
    OpenApiRouter::with_openapi(base)
        .nest("/api/v1", v1())
        .merge(oauth::routes())
        .merge(authorization::routes())
        .split_for_parts()
}

/// `GET /api/openapi.json`
pub(super) fn route(document: Document) -> Router<Api> {
    Router::new().route("/api/openapi.json", get(|| async move { Json(document) }))
}

/// The description of the API, as JSON.
///
/// # Errors
/// If it cannot be put into JSON, which a test would notice.
pub fn openapi_document() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&with_document().1)
}
