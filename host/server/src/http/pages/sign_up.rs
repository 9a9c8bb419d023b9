//! `/account/sign-up`: where people make an account of their own, if they may.

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minijinja::context;
use muster_api::{
    problem::FieldProblem,
    sign_ups::{NewSignUp, SignUpInfo},
};

use super::{
    super::{Api, caller::Visitor},
    Fields, Shown, captcha,
    guest::Guest,
    page::{Page, message_on_the_way, sentence, stopped, trouble},
};
use crate::control::error::ControlError;

/// `GET /account/sign-up`
pub(super) async fn show(State(api): State<Api>, guest: Guest) -> Shown {
    form(&api, &guest, &Fields::new(), &[]).await
}

/// `POST /account/sign-up`
pub(super) async fn send(
    State(api): State<Api>,
    guest: Guest,
    Visitor(visitor): Visitor,
    Form(fields): Form<Fields>,
) -> Shown {
    guest.check(&fields)?;
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned());
    let accepted = field("accept_terms").and_then(|version| version.parse().ok());
    let new = NewSignUp {
        name: field("name").unwrap_or_default(),
        display_name: field("display_name").unwrap_or_default(),
        email: field("email").unwrap_or_default(),
        password: fields.get("password").cloned().unwrap_or_default(),
        captcha: captcha::proof(&fields),
        accept_terms: accepted,
    };
    match api.sign_ups.create(&visitor, new).await {
        Ok(reply) => {
            let page = message_on_the_way("Nearly there", &reply.next, guest.sign_in_waits);
            Ok(page.into_response())
        }
        Err(ControlError::Invalid(problems)) => form(&api, &guest, &fields, &problems).await,
        Err(error) => Err(stopped(error)),
    }
}

/// The form, with what was entered and what was wrong with it; passwords are
/// entered anew.
async fn form(api: &Api, guest: &Guest, entered: &Fields, problems: &[FieldProblem]) -> Shown {
    let info = api.sign_ups.info().await.map_err(stopped)?;
    if !info.allowed {
        return Err(closed());
    }
    let terms = match info.terms {
        Some(version) => {
            let term = api.terms_of_use.show(version).await.map_err(stopped)?;
            Some(context! { version, text => term.text })
        }
        None => None,
    };
    let problem = (!problems.is_empty()).then(|| told(problems));
    let text = |name: &str| entered.get(name).map(String::as_str).unwrap_or_default();
    let values = context! {
        token => guest.token(),
        problem, terms,
        values => context! {
            name => text("name"), display_name => text("display_name"), email => text("email"),
        },
        rules => rules(&info),
        sign_in_waits => guest.sign_in_waits,
        terminal => "muster sign-up --user NAME --email ADDRESS",
        ..captcha::values(Some(&info.captcha)),
    };
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = Page::new("sign-up.html", values)
        .status(status)
        .challenge(Some(&info.captcha))
        .cookie(guest.cookie(api));
    Ok(page.into_response())
}

fn closed() -> Response {
    trouble(
        StatusCode::FORBIDDEN,
        "Nobody may sign up here. Ask an admin to make an account for you.",
    )
}

/// What a password has to be, as a sentence.
fn rules(info: &SignUpInfo) -> String {
    let guess = match info.password.min_score {
        0 => "",
        _ => ", and hard to guess: several words that have nothing to do with each other are good",
    };
    format!("At least {} characters{guess}.", info.password.min_length)
}

/// What is wrong, in the words of the form.
fn told(problems: &[FieldProblem]) -> String {
    let sentences = problems.iter().map(|problem| {
        let label = match problem.field.as_str() {
            "name" => "User name",
            "display_name" => "Your name",
            "email" => "E-mail address",
            "password" => "Password",
            "captcha" => "The check for bots",
            "accept_terms" => return "Read the terms of use and accept them.".to_owned(),
            other => other,
        };
        sentence(&format!("{label}: {}", problem.message))
    });
    sentences.collect::<Vec<_>>().join(" ")
}
