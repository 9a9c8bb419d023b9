//! `/sign-in`: somebody shows who they are, enters what else is needed, and is
//! sent on.

mod questions;
mod visitor;

use self::questions::{agreement, choice, completion, form, late};
pub(super) use self::visitor::Visitor;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Form,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use muster_api::identities::{MethodOffer, MethodStyle};

use super::{
    super::{
        Api,
        authorise::{origin, request_id},
        oauth::agent,
        refusals::{Claim, Code},
    },
    Fields, Shown, captcha, cookie, link,
    page::{self, Page, failed, go, sentence, stopped, trouble},
};
use crate::control::{
    authorization::{Entered, Goal, Step},
    record::Actor,
    rights::Rights,
    sign_in::{Attempt, SignInError},
};

const HERE: &str = "/sign-in";
/// `GET /sign-in`: whatever comes next.
pub(super) async fn show(State(api): State<Api>, visitor: Visitor) -> Shown {
    let Visitor { cookie, visit, .. } = &visitor;
    let token = cookie::form_token(cookie);
    match api.authorization.step(cookie, visit).await {
        Ok(Step::Leave(address)) => Ok(page::leave(&api, &address)),
        Ok(Step::Complete(missing)) => completion(&api, visit, &token, &missing).await,
        Ok(Step::Agree) => agreement(&api, &visitor, &token).await,
        Ok(Step::Prove) => Ok(choice(&api, visit, &token)),
        Err(error) => Err(stopped(error)),
    }
}

/// `GET /sign-in/{method}`: the method's form, or the way to its site, or what
/// its proxy says.
pub(super) async fn choose(
    State(api): State<Api>,
    Path(name): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(claim): Extension<Claim>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Shown {
    let offer = offer(&api, &name)?;
    let Visitor {
        cookie,
        visit,
        from,
    } = visitor;
    let authorization = &api.authorization;
    match offer.style {
        MethodStyle::Password => {
            let token = cookie::form_token(&cookie);
            Ok(form(&api, &visit, &offer, &token, "", None))
        }
        MethodStyle::Redirect => {
            let address = authorization.depart(&cookie, visit, &name).await;
            Ok(go(&address.map_err(failed)?, None))
        }
        MethodStyle::ProxyHeaders => {
            claim.tries(None);
            let renewed = authorization
                .introduced(&cookie, visit, &name, &headers, peer.ip(), from)
                .await;
            Ok(onward(&api, &renewed.map_err(failed)?))
        }
    }
}

fn offer(api: &Api, name: &str) -> Result<MethodOffer, Response> {
    let mut offers = api.sign_in.methods.offers().into_iter();
    offers.find(|offer| offer.name == name).ok_or_else(|| {
        trouble(
            StatusCode::NOT_FOUND,
            "There is no such way to sign in here, or it is turned off.",
        )
    })
}

/// `POST /sign-in/{method}`: name and password.
pub(super) async fn prove(
    State(api): State<Api>,
    Path(name): Path<String>,
    Extension(claim): Extension<Claim>,
    visitor: Visitor,
    Form(fields): Form<Fields>,
) -> Shown {
    visitor.check(&fields)?;
    claim.tries(fields.get("username").map(String::as_str));
    let offer = offer(&api, &name)?;
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let attempt = Attempt {
        username: field("username"),
        password: field("password"),
        captcha: captcha::proof(&fields),
        ..Attempt::default()
    };
    let username = attempt.username.clone();
    let Visitor {
        cookie,
        visit,
        from,
    } = visitor;
    let authorization = &api.authorization;
    match authorization
        .prove(&cookie, visit, &name, attempt, from)
        .await
    {
        Ok(renewed) => Ok(onward(&api, &renewed)),
        Err(SignInError::Refused(failure))
            if ["invalid_grant", "captcha_required", "locked"]
                .contains(&failure.error.as_str()) =>
        {
            let visit = api.authorization.visit(&cookie).await.map_err(stopped)?;
            let visit = visit.ok_or_else(late)?;
            let token = cookie::form_token(&cookie);
            Ok(form(
                &api,
                &visit,
                &offer,
                &token,
                &username,
                Some(&failure),
            ))
        }
        Err(error) => Err(failed(error)),
    }
}

/// `GET /sign-in/{method}/callback`: the way back from the method's own site.
pub(super) async fn arrive(
    State(api): State<Api>,
    Path(name): Path<String>,
    Extension(claim): Extension<Claim>,
    Query(parameters): Query<BTreeMap<String, String>>,
    visitor: Visitor,
) -> Shown {
    claim.tries(None);
    let Visitor {
        cookie,
        visit,
        from,
    } = visitor;
    let renewed = api
        .authorization
        .arrive(&cookie, visit, &name, &parameters, from)
        .await;
    Ok(onward(&api, &renewed.map_err(failed)?))
}

/// `POST /sign-in`: what else is needed, or an answer.
pub(super) async fn complete(
    State(api): State<Api>,
    Extension(claim): Extension<Claim>,
    visitor: Visitor,
    Form(fields): Form<Fields>,
) -> Shown {
    visitor.check(&fields)?;
    claim.tries(None);
    if let Some(answer) = fields.get("answer") {
        return settle(&api, visitor, answer == "yes").await;
    }
    let filled = |name: &str| {
        let text = fields.get(name).map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let entered = Entered {
        otp: filled("otp"),
        passkey: filled("passkey").and_then(|answer| serde_json::from_str(&answer).ok()),
        accept_terms: filled("accept_terms").and_then(|version| version.parse().ok()),
    };
    let Visitor {
        cookie,
        visit,
        from,
    } = visitor;
    let done = api
        .authorization
        .complete(&cookie, visit, entered, from)
        .await;
    done.map_err(failed)?;
    Ok(go(HERE, None))
}

/// Does what the visit was for, or not.
async fn settle(api: &Api, visitor: Visitor, agrees: bool) -> Shown {
    let Visitor {
        cookie,
        visit,
        from,
    } = visitor;
    let authorization = &api.authorization;
    if !agrees && let Some(address) = authorization.declined(&visit) {
        authorization.visit_end(&cookie).await.map_err(stopped)?;
        return Ok(page::leave(api, &address));
    }
    if !matches!(visit.step(), Step::Agree) || matches!(visit.goal, Goal::Code(_)) {
        return Err(late());
    }
    if !authorization.visit_end(&cookie).await.map_err(stopped)? {
        return Err(late());
    }
    let text = match (visit.goal, visit.person) {
        (Goal::Device { code }, Some(person)) => {
            let method = agrees.then_some(person.method.as_str());
            let answered = authorization
                .device_answer(&code, person.user, method)
                .await;
            if !answered.map_err(stopped)? {
                return Err(late());
            }
            if agrees {
                "The device is in. You may close this window."
            } else {
                "The device stays out. If you did not ask for this, somebody may have tried to get in through you."
            }
        }
        (
            Goal::Link {
                user,
                profile: Some(profile),
                ..
            },
            _,
        ) if agrees => {
            let actor = Actor {
                user: Some(user),
                credential: Some(format!("method {}", profile.method)),
                origin: from.address,
                request: from.request,
                rights: Arc::new(Rights::default()),
                ..Actor::host(link::name_of(api, user).await?)
            };
            let tied = authorization.identity_tie(&actor, user, profile).await;
            tied.map_err(stopped)?;
            "The method is tied to your account. You may close this window."
        }
        _ => "Nothing was changed. You may close this window.",
    };
    Ok(page::message("Done", text)
        .cookie(cookie::forget(api, &cookie::VISIT))
        .into_response())
}

/// Goes on with the visit under its new secret.
fn onward(api: &Api, secret: &str) -> Response {
    go(HERE, cookie::write(api, &cookie::VISIT, secret))
}
