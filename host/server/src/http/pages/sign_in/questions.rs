//! The pages that ask: for a method, a password, a factor, consent.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minijinja::context;
use muster_api::{
    captcha::CaptchaChallenge,
    config::sign_in::LOCAL,
    factors::FactorKind,
    identities::{MethodOffer, MethodStyle},
    tokens::OAuthError,
};

use super::{
    Api, Code, HERE, Page, Shown, Visitor, captcha, go, link, offer, sentence, stopped, trouble,
};
use crate::control::authorization::{Goal, Visit};

pub(super) fn choice(api: &Api, visit: &Visit, token: &str) -> Response {
    if let Some(method) = visit.only_method() {
        return match offer(api, method) {
            Ok(offer) => go(&format!("{HERE}/{}", offer.name), None),
            Err(trouble) => trouble,
        };
    }
    let methods = api.sign_in.methods.offers();
    match &*methods {
        [] => trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            "No way to sign in is turned on. Whoever runs this host can turn one on with muster config set sign-in.",
        ),
        [only] if only.style == MethodStyle::Password => go(&format!("{HERE}/{}", only.name), None),
        _ => {
            let can_decline = matches!(visit.goal, Goal::Code(_));
            let sign_up = api.sign_in.methods.has_local() && api.sign_ups.are_open();
            let values = context! { methods, token, can_decline, sign_up };
            Page::new("choose.html", values).of(visit).into_response()
        }
    }
}

pub(super) async fn completion(
    api: &Api,
    visit: &Visit,
    token: &str,
    missing: &OAuthError,
) -> Shown {
    let problem = sentence(&missing.error_description);
    if let Some(version) = missing.terms {
        let term = api.terms_of_use.show(version).await.map_err(stopped)?;
        let values = context! { problem, token, version, text => term.text };
        return Ok(Page::new("terms.html", values).of(visit).into_response());
    }
    let alarm = missing.error != "otp_required";
    let typed = missing
        .factors
        .iter()
        .any(|kind| *kind != FactorKind::Passkey);
    let passkey = missing.passkey.as_ref();
    let passkey = passkey.and_then(|challenge| serde_json::to_string(challenge).ok());
    let scripted = passkey.is_some();
    let values = context! { problem, token, alarm, typed, passkey };
    Ok(Page::new("factor.html", values)
        .of(visit)
        .own_scripts(scripted)
        .into_response())
}

pub(super) async fn agreement(api: &Api, visitor: &Visitor, token: &str) -> Shown {
    let (title, question, rows) = match (&visitor.visit.goal, &visitor.visit.person) {
        (Goal::Device { code }, Some(person)) => {
            let question = api.authorization.device_question_at(code).await;
            let Some(device) = question.map_err(stopped)? else {
                return Err(late());
            };
            let user = link::name_of(api, person.user).await?;
            let scopes = match &device.scopes {
                None => "Whatever you may do".to_owned(),
                Some(scopes) => {
                    let words: Vec<_> = scopes.iter().map(|scope| scope.description()).collect();
                    words.join("; ")
                }
            };
            let address = device.address.unwrap_or_else(|| "unknown".to_owned());
            let rows = vec![
                ("Program", device.client),
                ("It asks from", address),
                ("You are", user),
                ("It may", scopes),
            ];
            let question =
                "Only say yes if you have just asked for this yourself, on a device of yours.";
            ("Let this device in?", question.to_owned(), rows)
        }
        (
            Goal::Link {
                user,
                profile: Some(profile),
                ..
            },
            _,
        ) => {
            let user = link::name_of(api, *user).await?;
            let question = format!(
                "From then on, whoever signs in as {} gets into the account {user}.",
                profile.username
            );
            let rows = vec![
                ("Account here", user),
                ("Method", profile.method.clone()),
                ("You are there", profile.username.clone()),
            ];
            ("Tie this method to the account?", question, rows)
        }
        _ => return Err(late()),
    };
    let values = context! { title, question, rows, token };
    Ok(Page::new("agree.html", values).into_response())
}

pub(super) fn late() -> Response {
    trouble(
        StatusCode::BAD_REQUEST,
        "This was answered before, or has waited too long. Begin anew.",
    )
}

/// The form for name and password, after a failure too.
pub(super) fn form(
    api: &Api,
    visit: &Visit,
    method: &MethodOffer,
    token: &str,
    username: &str,
    failure: Option<&OAuthError>,
) -> Response {
    let is_local = method.kind == LOCAL;
    let challenge = failure
        .and_then(|failure| failure.captcha.clone())
        .and_then(|captcha| serde_json::from_value::<CaptchaChallenge>(captcha).ok());
    let values = context! {
        method, token, username,
        problem => failure.map(|failure| sentence(&failure.error_description)),
        sign_up => is_local && api.sign_ups.are_open(),
        forgot => is_local,
        others => visit.only_method().is_none() && api.sign_in.methods.offers().len() > 1,
        terminal => "muster login --user NAME",
        ..captcha::values(challenge.as_ref()),
    };
    let status = match failure {
        None => StatusCode::OK,
        Some(failure) if failure.error == "locked" => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut response = Page::new("password.html", values)
        .status(status)
        .of(visit)
        .challenge(challenge.as_ref())
        .into_response();
    if let Some(failure) = failure {
        let code = Code(failure.error.clone());
        response.extensions_mut().insert(code);
    }
    response
}
