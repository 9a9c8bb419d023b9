//! The description of the API, made from the handlers, and what is told from it:
//! a page for people, and which parameters there are.

mod complete;
mod guard;
mod page;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

pub(super) use self::guard::{Known, guard};
use super::{Api, authorization, oauth, v1};

const DESCRIPTION: &str = "\
The API of a Muster host.

Log in with `POST /oauth/token`, and send the access token as `Authorization: Bearer …`. \
Lists come in pages: ask for the next one with the `next` of the last as `cursor`. \
Every refusal is a problem document (RFC 9457), whose `code` says what is wrong; the codes \
stand with each status. Every change takes an `Idempotency-Key` if it is a POST or PATCH, \
and can be bound to what the client has seen by `If-Match`. What removes, moves or overwrites \
something tells what it would do when asked with `dry_run=true`.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Muster"),
    security(("token" = [])),
    tags(
        (name = "oauth", description = "Log in and out"),
        (name = "self", description = "What concerns the caller"),
        (name = "users", description = "Who may log in"),
        (name = "keys", description = "What programs show in place of a password"),
        (name = "projects", description = "To whom apps belong, and who works on them"),
        (name = "access", description = "Who may do what"),
        (name = "quotas", description = "How much projects may use"),
        (name = "apps", description = "What users push and reach"),
        (name = "droplets", description = "What staging made of packages"),
        (name = "logs", description = "What apps write and answer"),
        (name = "blocks", description = "What packages are made of"),
        (name = "bundles", description = "Content that a group of hosts has in common"),
        (name = "routes", description = "Which host names and paths reach which apps"),
        (name = "roles", description = "The jobs of the host, and the plugins that do them"),
        (name = "jobs", description = "What takes longer than a moment"),
        (name = "events", description = "What changes"),
        (name = "config", description = "What operators settle while the host runs"),
        (name = "host", description = "What the host is and how it is"),
    ),
)]
struct Base;

/// The routes that the table of operations has, under their prefixes, and their
/// description.
pub(super) fn with_document() -> (Router<Api>, Value) {
    let mut base = Base::openapi();
    base.info.description = Some(DESCRIPTION.to_owned());
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token of `POST /oauth/token`"))
        .build();
    base.components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(scheme));
    let (routes, document) = OpenApiRouter::with_openapi(base)
        .nest("/api/v1", v1())
        .merge(oauth::routes())
        .merge(authorization::routes())
        .split_for_parts();
    // Plain data always has a JSON form.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    complete::complete(&mut document);
    (routes, document)
}

/// `GET /api/openapi.json`, and the page made from it at `/api/`.
pub(super) fn route(document: &Value) -> Router<Api> {
    let (json, page): (Arc<str>, Arc<str>) =
        (document.to_string().into(), page::page(document).into());
    let typed = |kind: &'static str| {
        move |text: Arc<str>| {
            let fields: [(HeaderName, HeaderValue); 3] = [
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (
                    header::CONTENT_SECURITY_POLICY,
                    HeaderValue::from_static(page::POLICY),
                ),
                (
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ),
            ];
            (fields, text.to_string()).into_response()
        }
    };
    let (as_json, as_page, as_style) = (
        typed("application/json"),
        typed("text/html; charset=utf-8"),
        typed("text/css; charset=utf-8"),
    );
    let style: Arc<str> = page::STYLE.into();
    Router::new()
        .route(
            "/api/openapi.json",
            get(move || async move { as_json(json) }),
        )
        .route("/api/", get(move || async move { as_page(page) }))
        .route("/api/docs.css", get(move || async move { as_style(style) }))
}

/// The description of the API, as JSON.
///
/// # Errors
/// If it cannot be put into JSON, which a test would notice.
pub fn openapi_document() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&with_document().1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_api::permissions::{OPERATIONS, Operation};

    #[test]
    fn the_routes_are_those_of_the_table_of_permissions() {
        let document = super::with_document().1;
        let document = serde_json::to_value(&document).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                described.insert((id, method.to_uppercase(), path.clone()));
            }
        }
        let named: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|operation| {
                let Operation {
                    id, method, path, ..
                } = *operation;
                (id.to_owned(), method.to_owned(), path.to_owned())
            })
            .collect();
        let without: Vec<_> = described.difference(&named).collect();
        assert!(without.is_empty(), "no permission is named for {without:?}");
        let nowhere: Vec<_> = named.difference(&described).collect();
        assert!(nowhere.is_empty(), "there is no such route: {nowhere:?}");
    }
}
