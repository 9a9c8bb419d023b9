//! What all sections have in common, and which there are.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{
    audit::AuditConfig, backup::BackupConfig, captcha::Captcha, jobs::JobsConfig,
    load_balancer::LoadBalancer, mail::Mail, management::Management, passwords::PasswordPolicy,
    rate_limits::RateLimits, sign_in::SignIn, sign_up::SignUp, tokens::Tokens,
};
use crate::problem::FieldProblem;

/// A section of the configuration.
pub trait Section: Default + Serialize + DeserializeOwned {
    /// Its name in addresses and commands.
    const NAME: &'static str;
    /// What it settles, as a line for lists.
    const ABOUT: &'static str;
    /// Whether it is settled for a group of hosts, by its leader, rather than by
    /// each host for itself.
    const OF_GROUP: bool = true;

    /// What is wrong although each value is well formed.
    fn problems(&self) -> Vec<FieldProblem> {
        Vec::new()
    }

    /// Hides secrets, so that it can be shown.
    fn mask(&mut self) {}

    /// Puts the secrets of `current` in place of masks.
    fn keep(&mut self, _current: &Self) {}
}

/// The problem of a check that finds one at a time.
fn first(result: Result<(), super::InvalidSection>) -> Vec<FieldProblem> {
    let told = |wrong: super::InvalidSection| FieldProblem {
        field: wrong.field.to_owned(),
        message: wrong.problem,
    };
    result.err().map(told).into_iter().collect()
}

impl Section for AuditConfig {
    const NAME: &'static str = "audit";
    const ABOUT: &'static str = "How long the audit log remembers";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for BackupConfig {
    const NAME: &'static str = "backup";
    const ABOUT: &'static str = "Where backups go, what opens them, and when they are made";
    // Each host makes its own.
    const OF_GROUP: bool = false;

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }

    fn mask(&mut self) {
        Self::mask(self);
    }

    fn keep(&mut self, current: &Self) {
        Self::keep(self, current);
    }
}

impl Section for JobsConfig {
    const NAME: &'static str = "jobs";
    const ABOUT: &'static str = "How long jobs that have ended are remembered";
}

impl Section for LoadBalancer {
    const NAME: &'static str = "load-balancer";
    const ABOUT: &'static str = "How load balancers spread requests, and whom they believe";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for Management {
    const NAME: &'static str = "management";
    const ABOUT: &'static str =
        "Under which address people reach the API, and through which proxies";
    // Each host has an address and proxies of its own.
    const OF_GROUP: bool = false;

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for PasswordPolicy {
    const NAME: &'static str = "passwords";
    const ABOUT: &'static str = "Which passwords are good enough, and what wrong ones cost";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for Tokens {
    const NAME: &'static str = "tokens";
    const ABOUT: &'static str = "How tokens are signed, and how long tokens and sessions last";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for Captcha {
    const NAME: &'static str = "captcha";
    const ABOUT: &'static str = "How people show that they are no bots, and when they must";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }

    fn mask(&mut self) {
        self.siteverify.secret.mask();
    }

    /// The secret must not reach another verifier than the one it was given to.
    fn keep(&mut self, current: &Self) {
        let (new, old) = (&mut self.siteverify, &current.siteverify);
        if new.service == old.service && new.url == old.url {
            new.secret.keep(&old.secret);
        }
    }
}

impl Section for RateLimits {
    const NAME: &'static str = "rate-limits";
    const ABOUT: &'static str = "How many requests the API takes from one client";

    fn problems(&self) -> Vec<FieldProblem> {
        self.check()
    }
}

impl Section for SignIn {
    const NAME: &'static str = "sign-in";
    const ABOUT: &'static str = "The ways by which people prove who they are";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }

    fn mask(&mut self) {
        Self::mask(self);
    }

    fn keep(&mut self, current: &Self) {
        Self::keep(self, current);
    }
}

impl Section for SignUp {
    const NAME: &'static str = "sign-up";
    const ABOUT: &'static str = "Whether people may come by themselves, and who lets them in";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }
}

impl Section for Mail {
    const NAME: &'static str = "mail";
    const ABOUT: &'static str = "The server that sends mail, and what it says";

    fn problems(&self) -> Vec<FieldProblem> {
        first(self.check())
    }

    fn mask(&mut self) {
        Self::mask(self);
    }

    fn keep(&mut self, current: &Self) {
        Self::keep(self, current);
    }
}

/// A section in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SectionSummary {
    /// Its name.
    #[schema(example = "passwords")]
    pub section: String,
    /// What it settles.
    pub about: String,
    /// Whether it was set, or is its defaults.
    pub is_set: bool,
}

/// A section with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectionView {
    /// Its name.
    #[schema(example = "passwords")]
    pub section: String,
    /// What it settles.
    pub about: String,
    /// Whether it was set, or is its defaults.
    pub is_set: bool,
    /// The leader whose values these are, on a host that follows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Its values. Secrets show as `********`; sent back, that keeps them.
    #[schema(value_type = Object)]
    pub values: serde_json::Value,
}
