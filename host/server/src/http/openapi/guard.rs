//! What the description does not have, the API does not take: a parameter that
//! is misspelt would be passed over, and a change be made that was only to be
//! told, or a filter not be applied.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::http::problems::Refused;

/// The parameters of every operation, by method and path.
#[derive(Clone)]
pub(in crate::http) struct Known(Arc<HashMap<String, Operation>>);

struct Operation {
    query: HashSet<String>,
    conditional: bool,
}

impl Known {
    pub(in crate::http) fn of(document: &Value) -> Self {
        let mut all = HashMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            // Whoever begins a sign-in may say more than is understood (RFC 6749,
            // section 3.1).
            if path == "/oauth/authorize" {
                continue;
            }
            for (method, described) in methods.as_object().into_iter().flatten() {
                let parameters = || described["parameters"].as_array().into_iter().flatten();
                let query = parameters()
                    .filter(|parameter| parameter["in"] == "query")
                    .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
                let operation = Operation {
                    query: query.collect(),
                    conditional: parameters()
                        .any(|parameter| parameter["$ref"] == "#/components/parameters/If-Match"),
                };
                all.insert(format!("{} {path}", method.to_ascii_uppercase()), operation);
            }
        }
        Self(Arc::new(all))
    }

    fn check(&self, request: &Request) -> Result<(), Refused> {
        let path = request.extensions().get::<MatchedPath>();
        let path = path.map(MatchedPath::as_str).unwrap_or_default();
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        let Some(operation) = self.0.get(&format!("{method} {path}")) else {
            return Ok(());
        };
        let query = request.uri().query().unwrap_or_default();
        let mut seen = HashSet::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let name = part.split_once('=').map_or(part, |(name, _)| name);
            if !operation.query.contains(name) {
                return Err(unknown(name, operation));
            }
            if !seen.insert(name) {
                return Err(query_refused(format!("'{name}' is there twice")));
            }
        }
        if !operation.conditional && request.headers().contains_key(header::IF_MATCH) {
            let title = "The operation takes no If-Match";
            return Err(
                Refused::new(StatusCode::BAD_REQUEST, "condition-unsupported", title)
                    .detail("it cannot be bound to what was seen before")
                    .remedy("leave If-Match out"),
            );
        }
        Ok(())
    }
}

fn unknown(name: &str, operation: &Operation) -> Refused {
    let mut names: Vec<&str> = operation.query.iter().map(String::as_str).collect();
    names.sort_unstable();
    query_refused(if names.is_empty() {
        format!("'{name}' is unknown; this operation takes no parameters after the '?'")
    } else {
        format!("'{name}' is unknown; there are {}", names.join(", "))
    })
}

fn query_refused(why: String) -> Refused {
    Refused::new(
        StatusCode::BAD_REQUEST,
        "invalid-query",
        "The query cannot be read",
    )
    .detail(why)
}

/// Refuses what the description does not have.
pub(in crate::http) async fn guard(
    State(known): State<Known>,
    request: Request,
    next: Next,
) -> Response {
    match known.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
