//! Why control refuses.

use muster_api::{
    blocks::Digest, captcha::CaptchaChallenge, permissions::Permission, problem::FieldProblem,
    quotas::OverQuota,
};
use muster_blocks::BlocksError;
use muster_engine::{EngineError, plugin::PluginError};
use muster_store::StoreError;

/// Why a request was refused. Nothing was changed, but where it says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// There is no such thing.
    #[error("there is no {kind} '{name}'")]
    NotFound {
        /// What kind of thing, such as `app`.
        kind: &'static str,
        /// What it was called.
        name: String,
    },
    /// It does not fit what is there.
    #[error("{message}")]
    Conflict {
        /// A word for programs.
        code: &'static str,
        /// What stands in the way.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// It cannot be done now, for a reason that may pass.
    #[error("{message}")]
    Unavailable {
        /// A word for programs.
        code: &'static str,
        /// What is missing.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// Whoever had to do it was asked and gave no answer: it may be done. The one
    /// case in which something may have been changed.
    #[error("{message}")]
    Unknown {
        /// A word for programs.
        code: &'static str,
        /// Who was asked for what.
        message: String,
        /// How to find out.
        remedy: String,
    },
    /// It is not what the client's `If-Match` says.
    #[error("it was changed meanwhile")]
    Outdated {
        /// The version that it has now; `None` if it does not exist.
        version: Option<String>,
    },
    /// Fields are wrong.
    #[error("the request has fields that are wrong")]
    Invalid(Vec<FieldProblem>),
    /// Blocks were not uploaded.
    #[error("{} blocks of the files are not on this host", .0.len())]
    BlocksMissing(Vec<Digest>),
    /// They may not.
    #[error("this needs the permission {permission}")]
    Forbidden {
        /// What they lack.
        permission: Permission,
    },
    /// It would be more than a quota allows.
    #[error(
        "{}: {} used, {} asked, {} allowed in '{}'{}",
        .0.resource, .0.used, .0.asked, .0.allowed, .0.project,
        .0.user.as_ref().map(|user| format!(" for {user}")).unwrap_or_default()
    )]
    OverQuota(Box<OverQuota>),
    /// They may not, for a reason that is no missing permission.
    #[error("{message}")]
    Denied {
        /// A word for programs.
        code: &'static str,
        /// Why not.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// They have to accept the terms of use first.
    #[error("version {0} of the terms of use has to be accepted first")]
    TermsRequired(u64),
    /// Name or password is wrong, or a token is.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Too many wrong passwords and codes.
    #[error("too many wrong passwords and codes; try again in {wait} s")]
    Locked {
        /// How many seconds they have to wait.
        wait: u64,
    },
    /// They have to show that they are no bot.
    #[error("{why}")]
    Captcha {
        /// Why what they have shown does not do.
        why: String,
        /// How to show it.
        challenge: Box<CaptchaChallenge>,
    },
    /// A plugin is no good.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A component is no good.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The block store failed.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// Something that must not happen did.
    #[error("{0}")]
    Internal(String),
}

impl ControlError {
    pub(crate) fn not_found(kind: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound {
            kind,
            name: name.into(),
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// The same of a part of the request, whose fields begin with its name.
    pub(crate) fn within(mut self, part: &str) -> Self {
        if let Self::Invalid(fields) = &mut self {
            for wrong in fields {
                wrong.field = format!("{part}.{}", wrong.field);
            }
        }
        self
    }
}
