//! `/sign-in`: somebody shows who they are, enters what else is needed, and is
//! sent on.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Form,
    extract::{ConnectInfo, FromRequestParts, Path, Query, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use minijinja::context;
use muster_api::{
    captcha::CaptchaChallenge,
    factors::FactorKind,
    identities::{MethodOffer, MethodStyle},
    tokens::OAuthError,
};

use super::{
    super::{
        Api,
        authorise::{origin, request_id},
        oauth::agent,
        refusals::{Claim, Code},
    },
    Shown, cookie, link,
    page::{self, Page, failed, go, sentence, stopped, trouble},
};
use crate::control::{
    authorization::{Entered, Goal, Step, Visit},
    record::Actor,
    rights::Rights,
    sessions::Origin,
    sign_in::{Attempt, SignInError},
};

const HERE: &str = "/sign-in";
/// The fields in which widgets of services leave their proofs.
const PROOFS: [&str; 4] = [
    "captcha",
    "cf-turnstile-response",
    "h-captcha-response",
    "g-recaptcha-response",
];

/// A visit, the cookie that shows it, and where the request comes from.
pub(super) struct Visitor {
    pub(super) cookie: String,
    pub(super) visit: Visit,
    pub(super) from: Origin,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let cookie = cookie::read(api, &parts.headers);
        let visit = match &cookie {
            Some(cookie) => api.authorization.visit(cookie).await.map_err(stopped)?,
            None => None,
        };
        let (Some(cookie), Some(visit)) = (cookie, visit) else {
            return Err(trouble(
                StatusCode::BAD_REQUEST,
                "Nothing waits for you to sign in, or it has waited too long. Begin anew where you came from: in the console, or with muster login. Your browser must accept this page's cookie.",
            ));
        };
        let from = Origin {
            address: origin(&parts.extensions),
            agent: agent(&parts.headers),
            request: request_id(&parts.headers),
            ..Origin::default()
        };
        Ok(Self {
            cookie,
            visit,
            from,
        })
    }
}

impl Visitor {
    /// Refuses forms that are not this visit's.
    fn check(&self, fields: &Fields) -> Result<(), Response> {
        let token = fields.get("token").map_or("", String::as_str);
        if cookie::is_ours(&self.cookie, token) {
            Ok(())
        } else {
            Err(trouble(
                StatusCode::FORBIDDEN,
                "This form is out of date, or was not sent from this page. Go back, reload the page and try again.",
            ))
        }
    }
}

type Fields = BTreeMap<String, String>;

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

fn choice(api: &Api, visit: &Visit, token: &str) -> Response {
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
            Page::new("choose.html", context! { methods, token, can_decline })
                .of(visit)
                .into_response()
        }
    }
}

async fn completion(api: &Api, visit: &Visit, token: &str, missing: &OAuthError) -> Shown {
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

async fn agreement(api: &Api, visitor: &Visitor, token: &str) -> Shown {
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

fn late() -> Response {
    trouble(
        StatusCode::BAD_REQUEST,
        "This was answered before, or has waited too long. Begin anew.",
    )
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

/// The form for name and password, after a failure too.
fn form(
    api: &Api,
    visit: &Visit,
    method: &MethodOffer,
    token: &str,
    username: &str,
    failure: Option<&OAuthError>,
) -> Response {
    let challenge = failure
        .and_then(|failure| failure.captcha.clone())
        .and_then(|captcha| serde_json::from_value::<CaptchaChallenge>(captcha).ok());
    let puzzle = match &challenge {
        Some(CaptchaChallenge::Puzzle { challenge }) => Some(challenge.to_string()),
        _ => None,
    };
    let widget = match &challenge {
        Some(CaptchaChallenge::Siteverify {
            site_key,
            script_url,
            widget_class,
            ..
        }) => Some(context! { script => script_url, class => widget_class, key => site_key }),
        _ => None,
    };
    let values = context! {
        method, token, username, puzzle, widget,
        problem => failure.map(|failure| sentence(&failure.error_description)),
        others => visit.only_method().is_none() && api.sign_in.methods.offers().len() > 1,
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
    let proof = PROOFS.iter().filter_map(|name| fields.get(*name));
    let attempt = Attempt {
        username: field("username"),
        password: field("password"),
        captcha: proof
            .map(|proof| proof.trim().to_owned())
            .find(|proof| !proof.is_empty()),
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
        .cookie(cookie::forget(api))
        .into_response())
}

/// Goes on with the visit under its new secret.
fn onward(api: &Api, secret: &str) -> Response {
    go(HERE, cookie::write(api, secret))
}
