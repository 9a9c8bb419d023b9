//! Section `captcha`: what tells people from bots on sign-up and after failed
//! sign-ins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, Secret};
use crate::units::Millis;

/// When a proof is asked for, and which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Captcha {
    /// What asks.
    pub provider: Provider,
    /// Whether sign-up asks.
    pub on_sign_up: bool,
    /// After how many failed sign-ins in a row the next one asks. 0 never
    /// asks.
    pub after_failures: u32,
    /// For the provider `puzzle`.
    pub puzzle: Puzzle,
    /// For the provider `siteverify`.
    pub siteverify: Siteverify,
}

/// What asks for a proof.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Nothing does.
    Off,
    /// The built-in puzzle: a browser or the command line computes for a
    /// moment. Needs no other service.
    #[default]
    Puzzle,
    /// A service that speaks the siteverify protocol.
    Siteverify,
}

/// How hard the built-in puzzle is. Solving takes `rounds` × 16^`zeros` hash
/// computations on average; checking takes `rounds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Puzzle {
    /// Rounds of PBKDF2 with SHA-256 for one try.
    #[schema(minimum = 1, maximum = 100_000)]
    pub rounds: u32,
    /// Zeros that the result must begin with, in hexadecimal digits. One more
    /// is sixteen times the work.
    #[schema(minimum = 1, maximum = 6)]
    pub zeros: u8,
    /// How long a puzzle may be solved.
    pub life: Millis,
}

/// A service that speaks the siteverify protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Siteverify {
    /// Which one.
    pub service: Service,
    /// Where responses are checked, instead of at the service's own address.
    pub url: Option<String>,
    /// The public key, which the page shows to the service.
    pub site_key: String,
    /// The secret key.
    pub secret: Secret,
    /// The host name that a response must have been made for. None: any.
    pub hostname: Option<String>,
    /// The action that a response must have been made for. None: any.
    pub action: Option<String>,
    /// The least score, from 0 to 1, for services that give one. None: any.
    pub min_score: Option<f64>,
    /// How long the service may take to answer.
    pub timeout: Millis,
}

/// A service that is known by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Cloudflare Turnstile.
    #[default]
    Turnstile,
    /// hCaptcha.
    Hcaptcha,
    /// Google reCAPTCHA.
    Recaptcha,
}

impl Service {
    /// Where the service checks responses.
    pub fn verify_url(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            Self::Hcaptcha => "https://api.hcaptcha.com/siteverify",
            Self::Recaptcha => "https://www.google.com/recaptcha/api/siteverify",
        }
    }

    /// The script that a page loads.
    pub fn script_url(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/api.js",
            Self::Hcaptcha => "https://js.hcaptcha.com/1/api.js",
            Self::Recaptcha => "https://www.google.com/recaptcha/api.js",
        }
    }

    /// The class of the element that the script fills. The form field with
    /// the response has this name followed by `-response`.
    pub fn widget_class(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile",
            Self::Hcaptcha => "h-captcha",
            Self::Recaptcha => "g-recaptcha",
        }
    }
}

impl Default for Captcha {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            on_sign_up: true,
            after_failures: 3,
            puzzle: Puzzle::default(),
            siteverify: Siteverify::default(),
        }
    }
}

impl Default for Puzzle {
    fn default() -> Self {
        Self {
            rounds: 2_000,
            zeros: 2,
            life: Millis(10 * 60_000),
        }
    }
}

impl Default for Siteverify {
    fn default() -> Self {
        Self {
            service: Service::default(),
            url: None,
            site_key: String::new(),
            secret: Secret::default(),
            hostname: None,
            action: None,
            min_score: None,
            timeout: Millis(5_000),
        }
    }
}

impl Captcha {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem: &str| Err(InvalidSection::new(field, problem));
        let Self {
            puzzle, siteverify, ..
        } = self;
        if !(1..=100_000).contains(&puzzle.rounds) {
            return wrong("puzzle.rounds", "must be from 1 to 100000");
        }
        if !(1..=6).contains(&puzzle.zeros) {
            return wrong("puzzle.zeros", "must be from 1 to 6");
        }
        if !(1_000..=24 * 3_600_000).contains(&puzzle.life.0) {
            return wrong("puzzle.life", "must be from 1s to 24h");
        }
        if !(100..=60_000).contains(&siteverify.timeout.0) {
            return wrong("siteverify.timeout", "must be from 100ms to 1m");
        }
        if siteverify
            .min_score
            .is_some_and(|score| !(0.0..=1.0).contains(&score))
        {
            return wrong("siteverify.min_score", "scores go from 0 to 1");
        }
        if let Some(url) = &siteverify.url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            return wrong("siteverify.url", "must begin with https:// or http://");
        }
        if self.provider == Provider::Siteverify {
            if siteverify.site_key.is_empty() {
                return wrong("siteverify.site_key", "the service needs one");
            }
            if siteverify.secret.is_empty() {
                return wrong("siteverify.secret", "the service needs one");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Captcha::default().check(), Ok(()));
        let read: Captcha = serde_json::from_str("{}").unwrap();
        assert_eq!(read, Captcha::default());
    }

    #[test]
    fn a_service_needs_its_keys() {
        let mut section = Captcha {
            provider: Provider::Siteverify,
            ..Captcha::default()
        };
        assert_eq!(section.check().unwrap_err().field, "siteverify.site_key");
        section.siteverify.site_key = "public".into();
        assert_eq!(section.check().unwrap_err().field, "siteverify.secret");
        section.siteverify.secret = "secret".into();
        assert_eq!(section.check(), Ok(()));
    }

    #[test]
    fn puzzles_that_nobody_could_solve_are_refused() {
        let mut section = Captcha::default();
        section.puzzle.zeros = 7;
        assert_eq!(section.check().unwrap_err().field, "puzzle.zeros");
        section.puzzle.zeros = 0;
        assert_eq!(section.check().unwrap_err().field, "puzzle.zeros");
    }

    #[test]
    fn a_score_that_is_no_number_is_refused() {
        let mut section = Captcha::default();
        section.siteverify.min_score = Some(f64::NAN);
        assert_eq!(section.check().unwrap_err().field, "siteverify.min_score");
    }
}
