//! The problem document of RFC 9457, in which every refusal is told.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{captcha::CaptchaChallenge, quotas::OverQuota};

mod codes;

pub use codes::{CODES, Code, is_known};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// The field, as a path such as `limits.memory`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

/// Why a request was refused and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable word for programs, such as `app-not-found`. What the API refuses
    /// with is listed with each status; problems of jobs have further codes.
    #[schema(example = "app-not-found")]
    pub code: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    pub status: u16,
    /// One line for people.
    #[schema(example = "There is no such thing")]
    pub title: String,
    /// What happened in this case.
    #[schema(example = "there is no app 'shop'")]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What to do about it.
    #[schema(example = "see what there is with: muster app list")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// What there would be too much of, if a quota stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<OverQuota>,
    /// How to show that one is no bot, if that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha: Option<Box<CaptchaChallenge>>,
    /// The request's id, to find it in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for field in &self.fields {
            write!(f, "\n  {}: {}", field.field, field.message)?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
