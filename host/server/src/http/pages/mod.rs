//! The pages on which people sign in with their browsers. They are no part of
//! the described API: each checks for itself what it needs, which is the
//! browser's cookie and, for whatever changes something, the form's token.

mod account;
mod assets;
mod captcha;
mod cookie;
mod device;
mod forgot;
mod guest;
mod link;
mod page;
mod sign_in;
mod sign_up;
mod start;

use std::collections::BTreeMap;

use axum::{
    Router, middleware,
    response::Response,
    routing::{any, get, post},
};

pub(super) use self::{
    cookie::{Name, forget, read, write_strictly},
    page::{go, trouble},
    start::is_browser,
};
use super::{Api, rate_limits};
use crate::control::authorization::Visit;

pub(super) fn routes() -> Router<Api> {
    let guarded = Router::new()
        .route("/sign-in", post(sign_in::complete))
        .route("/sign-in/{method}", post(sign_in::prove))
        .route("/sign-in/{method}/callback", get(sign_in::arrive))
        .route("/device", post(device::enter))
        .route("/account/verify", post(account::verify))
        .route("/account/activate", post(account::activate))
        .route("/account/sign-up", post(sign_up::send))
        .route("/account/forgot", post(forgot::send))
        .layer(middleware::from_fn(rate_limits::sign_in));
    Router::new()
        .route("/", any(start::root))
        .route("/account", get(start::show))
        .route("/account/sign-up", get(sign_up::show))
        .route("/account/forgot", get(forgot::show))
        .route("/sign-in", get(sign_in::show))
        .route("/sign-in/{method}", get(sign_in::choose))
        .route("/sign-in-link/{link}", get(link::open))
        .route("/device", get(device::show))
        .route("/account/verify", get(account::show_verification))
        .route("/account/activate", get(account::show_activation))
        .route("/sign-in-assets/{file}", get(assets::serve))
        .merge(guarded)
}

/// A page's answer: a page, too, when something is wrong.
type Shown = Result<Response, Response>;

/// The fields of a form.
type Fields = BTreeMap<String, String>;

/// Sends a browser on a visit.
pub(super) async fn begin(api: &Api, visit: &Visit) -> Response {
    match api.authorization.visit_begin(visit).await {
        Ok(secret) => go("/sign-in", cookie::write(api, &cookie::VISIT, &secret)),
        Err(error) => page::stopped(error),
    }
}
