//! `/account`: where the links in mails lead. Following one changes nothing yet:
//! programs that look at mails follow links, too. The form does.

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minijinja::context;
use muster_api::{
    sign_ups::{LinkReply, NewActivation, Verification},
    users::UserState,
};
use serde::Deserialize;

use super::{
    super::{Api, caller::Visitor},
    guest::Guest,
    page::{Page, message, message_on_the_way, sentence, stopped},
};
use crate::control::error::ControlError;

/// What a link or a form holds.
#[derive(Deserialize)]
pub(super) struct Held {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
}

/// `GET /account/verify`
pub(super) async fn show_verification(Query(held): Query<Held>) -> Response {
    form(false, &held.token, None).into_response()
}

/// `GET /account/activate`
pub(super) async fn show_activation(Query(held): Query<Held>) -> Response {
    form(true, &held.token, None).into_response()
}

/// `POST /account/verify`
pub(super) async fn verify(
    State(api): State<Api>,
    Visitor(visitor): Visitor,
    guest: Guest,
    Form(held): Form<Held>,
) -> Response {
    let token = held.token.clone();
    let done = api.sign_ups.verify(&visitor, Verification { token }).await;
    answer(done, false, &held, &guest)
}

/// `POST /account/activate`
pub(super) async fn activate(
    State(api): State<Api>,
    Visitor(visitor): Visitor,
    guest: Guest,
    Form(held): Form<Held>,
) -> Response {
    let with = NewActivation {
        token: held.token.clone(),
        password: held.password.clone(),
    };
    let done = api.activations.set_password(&visitor, with).await;
    answer(done, true, &held, &guest)
}

fn form(sets_password: bool, token: &str, problem: Option<String>) -> Page {
    Page::new(
        "account.html",
        context! { token, problem, password => sets_password },
    )
}

fn answer(
    done: Result<LinkReply, ControlError>,
    sets_password: bool,
    held: &Held,
    guest: &Guest,
) -> Response {
    let problem = match done {
        Ok(reply) if reply.state == UserState::Active => {
            let text = "Your account is active. Sign in with the program that you want to use, or with muster login.";
            return message_on_the_way("Welcome", text, guest.sign_in_waits).into_response();
        }
        Ok(_) => {
            let text = "Your address is verified. You can sign in once an admin has let you in.";
            return message("One more step", text).into_response();
        }
        Err(ControlError::Invalid(fields)) => fields,
        Err(error) => return stopped(error),
    };
    let told: Vec<_> = problem
        .iter()
        .map(|field| sentence(&field.message))
        .collect();
    form(sets_password, &held.token, Some(told.join(" ")))
        .status(StatusCode::UNPROCESSABLE_ENTITY)
        .into_response()
}
