//! `/`: what a browser finds that somebody has sent to this address: the console,
//! or, in a host that was built without, a page that says what there is. Programs
//! are told, as anywhere else, that the API has no such route.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
};
use minijinja::context;

use super::{
    super::{Api, console, problems},
    guest::Guest,
    page::Page,
};

/// Whatever comes to `/`.
pub(super) async fn root(State(api): State<Api>, guest: Guest, request: Request) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if !reads || !is_browser(request.headers()) {
        return problems::no_such_route(request).await.into_response();
    }
    match console::page(request.headers()) {
        Some(page) => page,
        None => show(State(api), guest).await,
    }
}

/// `GET /account`: what there is besides the console.
pub(super) async fn show(State(api): State<Api>, guest: Guest) -> Response {
    let has_local = api.sign_in.methods.has_local();
    let values = context! {
        site => api.post.site(),
        console => console::is_built(),
        sign_in_waits => guest.sign_in_waits,
        sign_up => has_local && api.sign_ups.are_open(),
        forgot => has_local,
    };
    Page::new("start.html", values).into_response()
}

/// Whether whoever asks reads pages: only browsers ask for them by name.
pub(in crate::http) fn is_browser(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).into_iter();
    accepted.any(|value| {
        value
            .to_str()
            .is_ok_and(|kinds| kinds.to_ascii_lowercase().contains("text/html"))
    })
}
