//! The check for bots within a form.

use minijinja::{Value, context};
use muster_api::captcha::CaptchaChallenge;

use super::Fields;

/// The fields in which widgets of services leave their proofs, after ours.
const PROOFS: [&str; 4] = [
    "captcha",
    "cf-turnstile-response",
    "h-captcha-response",
    "g-recaptcha-response",
];

/// What the template of a challenge needs; nothing is asked without one.
pub(super) fn values(challenge: Option<&CaptchaChallenge>) -> Value {
    match challenge {
        Some(CaptchaChallenge::Puzzle { challenge }) => {
            context! { puzzle => challenge.to_string() }
        }
        Some(CaptchaChallenge::Siteverify {
            site_key,
            script_url,
            widget_class,
            ..
        }) => context! {
            widget => context! { script => script_url, class => widget_class, key => site_key },
        },
        Some(CaptchaChallenge::Off) | None => context! {},
    }
}

/// The proof that a form brings.
pub(super) fn proof(fields: &Fields) -> Option<String> {
    let brought = PROOFS.iter().filter_map(|name| fields.get(*name));
    brought
        .map(|proof| proof.trim().to_owned())
        .find(|proof| !proof.is_empty())
}
