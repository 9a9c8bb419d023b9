//! What asks a client to show that it is no bot, before it signs up or signs
//! in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::captcha::Service;

/// What is to be done for a proof, which then goes along with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "provider", rename_all = "kebab-case")]
pub enum CaptchaChallenge {
    /// Nothing.
    Off,
    /// Solve a puzzle by computing. Good once, for some minutes.
    Puzzle {
        /// The puzzle, in the second version of the ALTCHA protocol. The proof
        /// is the JSON object `{"challenge": …, "solution": …}` in base64.
        #[schema(value_type = Object)]
        challenge: serde_json::Value,
    },
    /// Let a service look at the browser. The proof is what the service gives.
    Siteverify {
        /// Which service.
        service: Service,
        /// The key by which the service knows this site.
        site_key: String,
        /// The script to load.
        script_url: String,
        /// The class of the element that the script fills.
        widget_class: String,
        /// The action to name to the service, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
}
