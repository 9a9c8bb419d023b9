//! The description of the API, made from the handlers, and what is told from it:
//! a page for people, and which parameters there are.

mod complete;
mod examples;
mod guard;
mod page;
mod sections;
mod security;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::Value;
use utoipa::OpenApi;
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
        (name = "logs", description = "What apps write and answer, and what hosts say themselves"),
        (name = "blocks", description = "What packages are made of"),
        (name = "clusters", description = "Hosts of a group that run apps together"),
        (name = "bundles", description = "Content that a group of hosts has in common"),
        (name = "certificates", description = "What load balancers show clients that speak TLS"),
        (name = "routes", description = "Which host names and paths reach which apps"),
        (name = "roles", description = "The jobs of the host, and the plugins that do them"),
        (name = "jobs", description = "What takes longer than a moment"),
        (name = "queues", description = "Durable work, and the bus that carries word of it"),
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
    base.merge(sections::Schemas::openapi());
    let (routes, document) = OpenApiRouter::with_openapi(base)
        .nest("/api/v1", v1())
        .merge(oauth::routes())
        .merge(authorization::routes())
        .split_for_parts();
    // Plain data always has a JSON form.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    sections::complete(&mut document);
    security::complete(&mut document);
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
    use serde_json::Value;

    /// Every operation of the document, with what it is called.
    fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
        operations.map(|operation| (operation["operationId"].as_str().unwrap(), operation))
    }

    #[test]
    fn operations_say_what_they_do_what_they_need_and_how_they_refuse() {
        let document = super::with_document().1;
        for (id, operation) in operations(&document) {
            for text in ["summary", "description"] {
                let said = operation[text].as_str().unwrap_or_default();
                assert!(!said.is_empty(), "{id} has no {text}");
            }
            let responses = operation["responses"].as_object().unwrap();
            let mut refusals = 0;
            for (status, response) in responses {
                if !status.starts_with(['4', '5']) {
                    continue;
                }
                refusals += 1;
                match response["$ref"].as_str() {
                    Some(named) => {
                        let path = named.strip_prefix('#').unwrap();
                        let named = document.pointer(path).unwrap();
                        let content = &named["content"]["application/problem+json"];
                        let codes = content["examples"].as_object().map_or(0, |all| all.len());
                        assert!(codes > 0, "{id}: {status} names no code");
                    }
                    None => {
                        let said = response["description"].as_str().unwrap_or_default();
                        assert!(!said.is_empty(), "{id}: {status} says nothing");
                        assert!(response["content"].is_object(), "{id}: {status}");
                    }
                }
            }
            assert!(refusals > 0, "{id} names no refusal");
        }
    }

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
