//! The console: its page, at `/` and wherever it leads on from there, and its
//! files, which change their names with their content.

mod files;
mod session;

use axum::{
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
};

pub(super) use self::{
    files::{is_built, page, routes as files},
    session::routes as session,
};
use super::{pages::is_browser, problems};

/// Where programs ask, who are told when there is nothing.
const OF_PROGRAMS: [&str; 8] = [
    "/api",
    "/oauth",
    "/.well-known",
    "/console",
    "/metrics",
    "/sign-in-assets",
    "/healthz",
    "/readyz",
];

/// What nothing else answers: a page of the console, for a browser that asks for
/// one, so that every view has an address; else nothing.
pub(super) async fn or_no_such_route(request: Request) -> Response {
    let path = request.uri().path();
    let of_programs = OF_PROGRAMS.iter().any(|start| {
        let rest = path.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let wanted = reads && !of_programs && is_browser(request.headers());
    match wanted.then(|| page(request.headers())).flatten() {
        Some(page) => page,
        None => problems::no_such_route(request).await.into_response(),
    }
}
