//! Pages out of templates, with the headers that keep them safe.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use minijinja::{Environment, Error, Value, context};
use muster_api::captcha::CaptchaChallenge;

use super::{
    super::{Api, problems::Refused, refusals::Code},
    assets, cookie,
};
use crate::control::{authorization::Visit, error::ControlError, sign_in::SignInError};

const TEMPLATES: &[(&str, &str)] = &[
    ("account.html", include_str!("templates/account.html")),
    ("agree.html", include_str!("templates/agree.html")),
    ("base.html", include_str!("templates/base.html")),
    ("captcha.html", include_str!("templates/captcha.html")),
    ("choose.html", include_str!("templates/choose.html")),
    ("device.html", include_str!("templates/device.html")),
    ("factor.html", include_str!("templates/factor.html")),
    ("forgot.html", include_str!("templates/forgot.html")),
    ("message.html", include_str!("templates/message.html")),
    ("password.html", include_str!("templates/password.html")),
    ("sign-up.html", include_str!("templates/sign-up.html")),
    ("start.html", include_str!("templates/start.html")),
    ("terms.html", include_str!("templates/terms.html")),
];

static ENVIRONMENT: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
});

/// A page to be.
pub(super) struct Page {
    template: &'static str,
    status: StatusCode,
    values: Value,
    /// Where its form may end up, besides here.
    leaves_to: Option<String>,
    /// Where scripts may come from.
    scripts: Vec<String>,
    cookie: Option<HeaderValue>,
}

impl Page {
    pub(super) fn new(template: &'static str, values: Value) -> Self {
        Self {
            template,
            status: StatusCode::OK,
            values,
            leaves_to: None,
            scripts: Vec::new(),
            cookie: None,
        }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Browsers hold a form to its policy through every redirect, so it must
    /// name the place where the visit ends.
    pub(super) fn of(mut self, visit: &Visit) -> Self {
        self.leaves_to = visit.leaves_to().map(|address| origin(address).to_owned());
        self
    }

    /// Lets the scripts run that a challenge needs.
    pub(super) fn challenge(mut self, challenge: Option<&CaptchaChallenge>) -> Self {
        match challenge {
            Some(CaptchaChallenge::Puzzle { .. }) => self.scripts.push("'self'".to_owned()),
            Some(CaptchaChallenge::Siteverify { script_url, .. }) => {
                self.scripts.push(origin(script_url).to_owned());
            }
            Some(CaptchaChallenge::Off) | None => {}
        }
        self
    }

    /// Lets scripts of this host run.
    pub(super) fn own_scripts(mut self, wanted: bool) -> Self {
        if wanted {
            self.scripts.push("'self'".to_owned());
        }
        self
    }

    pub(super) fn cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        self.cookie = cookie;
        self
    }

    fn policy(&self) -> String {
        let mut form = "'self'".to_owned();
        if let Some(place) = &self.leaves_to {
            form.push(' ');
            form.push_str(place);
        }
        let mut policy = format!(
            "default-src 'none'; style-src 'self'; form-action {form}; frame-ancestors 'none'; base-uri 'none'"
        );
        if !self.scripts.is_empty() {
            let scripts = self.scripts.join(" ");
            policy.push_str(&format!("; script-src {scripts}"));
            if let Some(service) = self.scripts.iter().find(|place| place.starts_with("https")) {
                policy.push_str(&format!("; frame-src {service}; connect-src {service}"));
            }
        }
        policy
    }

    fn render(&self) -> Result<String, String> {
        let environment = ENVIRONMENT.as_ref().map_err(ToString::to_string)?;
        let template = environment.get_template(self.template);
        let values = context! {
            style => *assets::STYLE_PATH,
            script => *assets::SCRIPT_PATH,
            passkey_script => *assets::PASSKEY_PATH,
            ..self.values.clone()
        };
        template
            .and_then(|template| template.render(values))
            .map_err(|error| error.to_string())
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let text = match self.render() {
            Ok(text) => text,
            Err(error) => {
                return Refused::from(ControlError::Internal(error)).into_response();
            }
        };
        let policy = self.policy();
        let mut response = (self.status, Html(text)).into_response();
        safe(&mut response);
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if let Some(cookie) = self.cookie {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// What holds for whatever a page answers.
fn safe(response: &mut Response) {
    let fields: [(HeaderName, &str); 3] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}

/// Scheme, host and port of an address.
fn origin(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..]
        .find('/')
        .map_or(address.len(), |at| start + at);
    &address[..end]
}

/// Sends the browser on, with `GET`.
pub(in crate::http) fn go(address: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    safe(&mut response);
    let headers = response.headers_mut();
    if let Ok(address) = HeaderValue::from_str(address) {
        headers.insert(header::LOCATION, address);
    }
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Sends the browser to a client, for good.
pub(super) fn leave(api: &Api, address: &str) -> Response {
    go(address, cookie::forget(api, &cookie::VISIT))
}

/// A page that says what happened, and nothing more.
pub(super) fn message(title: &str, text: &str) -> Page {
    Page::new("message.html", context! { title, text })
}

/// The same, and the way back to a sign-in that waits in this browser.
pub(super) fn message_on_the_way(title: &str, text: &str, sign_in_waits: bool) -> Page {
    Page::new("message.html", context! { title, text, sign_in_waits })
}

/// A page that says what is wrong.
pub(in crate::http) fn trouble(status: StatusCode, text: &str) -> Response {
    let values = context! { title => "This does not work", text, alarm => true };
    Page::new("message.html", values)
        .status(status)
        .into_response()
}

/// The page for an error that leaves nothing to enter.
pub(super) fn failed(error: SignInError) -> Response {
    match error {
        SignInError::Refused(error) => {
            let status = match error.error.as_str() {
                "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
                "server_error" => StatusCode::BAD_GATEWAY,
                "locked" => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::FORBIDDEN,
            };
            let mut response = trouble(status, &sentence(&error.error_description));
            response.extensions_mut().insert(Code(error.error));
            response
        }
        SignInError::Control(error) => stopped(error),
    }
}

/// The page for an error of the rules.
pub(super) fn stopped(error: ControlError) -> Response {
    match error {
        ControlError::Unauthorized(why) => trouble(StatusCode::BAD_REQUEST, &sentence(why)),
        ControlError::Conflict {
            message, remedy, ..
        } => trouble(
            StatusCode::CONFLICT,
            &sentence(&format!("{message}; {remedy}")),
        ),
        ControlError::Unavailable {
            message, remedy, ..
        } => trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            &sentence(&format!("{message}; {remedy}")),
        ),
        error => Refused::from(error).into_response(),
    }
}

/// A text of the API as a sentence on a page.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed_and_escapes() {
        let parts = ["base.html", "captcha.html"];
        for (name, _) in TEMPLATES.iter().filter(|(name, _)| !parts.contains(name)) {
            let evil = "<script>alert(1)</script>\"'";
            let values = context! {
                title => evil, text => evil, alarm => evil, token => evil, client => evil,
                methods => [context! { name => evil, label => evil }],
                method => context! { name => evil, label => evil },
                username => evil, problem => evil, code => evil, version => 3,
                puzzle => evil, widget => context! { script => evil, class => evil, key => evil },
                rows => [(evil, evil)], passkey => evil, typed => true, question => evil, can_decline => true, others => true, sign_up => true, forgot => true, mail => true,
                values => context! { name => evil, display_name => evil, email => evil },
                terms => context! { version => 3, text => evil }, rules => evil, terminal => evil, site => evil, sign_in_waits => true,
            };
            let page = Page::new(name, values).render().unwrap();
            assert!(page.contains("<title>"), "{name}");
            assert!(!page.contains("<script>alert"), "{name}: {page}");
            assert!(!page.contains("\"'"), "{name}: {page}");
        }
    }

    #[test]
    fn a_policy_names_where_forms_end() {
        let mut page = message("a", "b");
        assert!(page.policy().contains("form-action 'self';"));
        assert!(!page.policy().contains("script-src"));
        page.leaves_to = Some(origin("http://127.0.0.1:4000/callback").to_owned());
        assert!(
            page.policy()
                .contains("form-action 'self' http://127.0.0.1:4000;")
        );
    }

    #[test]
    fn texts_become_sentences() {
        assert_eq!(sentence("you may not"), "You may not.");
        assert_eq!(sentence("Over!"), "Over!");
    }
}
