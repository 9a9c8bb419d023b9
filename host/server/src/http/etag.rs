//! `ETag`, `If-Match` and `If-None-Match`.
//!
//! A tag has two parts: the version of the thing, if it has one, and a digest of
//! what the answer shows of it. `If-None-Match` is about what is shown, so it
//! compares whole tags. `If-Match` guards a change: it is about what somebody
//! decided on, so it compares versions alone; that an instance has come up
//! meanwhile is no reason to refuse.

use axum::{
    Json,
    body::{Body, HttpBody, to_bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_api::plan::Plan;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{
    problems::Refused,
    reply::{Answer, Params},
};
use crate::control::terms::{self, Outcome, Terms, Versioned};

/// The longest answer that gets a tag, in bytes.
const MAX_TAGGED: u64 = 4 << 20;

/// The version of what an answer shows.
#[derive(Debug, Clone)]
struct Version(String);

/// An answer that shows a thing of some version.
pub(super) struct Tagged<T> {
    version: Option<String>,
    answer: T,
}

impl<T> Tagged<T> {
    pub(super) fn new(of: &impl Versioned, answer: T) -> Self {
        Self {
            version: Some(of.version()),
            answer,
        }
    }
}

impl<T> Tagged<T> {
    /// An answer that shows a thing which may have no version.
    pub(super) fn of(thing: Option<&impl Versioned>, answer: T) -> Self {
        Self {
            version: thing.map(Versioned::version),
            answer,
        }
    }
}

impl<T: IntoResponse> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if let Some(version) = self.version {
            response.extensions_mut().insert(Version(version));
        }
        response
    }
}

/// Whether to do it or only to say what would be done.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Only say what would be done.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// The terms of a change that can be told without being made.
pub(super) struct On(pub(super) Terms);

impl<S: Send + Sync> FromRequestParts<S> for On {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Params(how) = Params::<DryRun>::from_request_parts(parts, state).await?;
        Ok(Self(Terms {
            only_if: only_if(&parts.headers)?,
            dry_run: how.dry_run,
        }))
    }
}

/// The terms of a change that cannot be told without being made.
pub(super) struct OnlyIf(pub(super) Terms);

impl<S: Send + Sync> FromRequestParts<S> for OnlyIf {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(Terms {
            only_if: only_if(&parts.headers)?,
            dry_run: false,
        }))
    }
}

/// The answer to a change that makes a job, or to the question what it would do.
impl<T: Serialize> IntoResponse for Outcome<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(job) => (StatusCode::ACCEPTED, Json(job)).into_response(),
            Self::Planned(plan) => Json(plan).into_response(),
        }
    }
}

/// The thing as it is after a change, or for a dry run the plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum OrPlan<T> {
    /// It was done, and this has come of it.
    Done(T),
    /// What would be done, for a dry run.
    Plan(Plan),
}

impl<T> From<Outcome<T>> for OrPlan<T> {
    fn from(outcome: Outcome<T>) -> Self {
        match outcome {
            Outcome::Done(made) => Self::Done(made),
            Outcome::Planned(plan) => Self::Plan(plan),
        }
    }
}

/// What a list of tags asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Anything,
    Tags(Vec<Tag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    weak: bool,
    text: String,
}

impl Tag {
    /// The version, without the digest of what is shown.
    fn version(&self) -> &str {
        let text = self.text.as_str();
        text.split_once('.').map_or(text, |(version, _)| version)
    }
}

fn only_if(headers: &HeaderMap) -> Answer<terms::OnlyIf> {
    Ok(match wanted(headers, &header::IF_MATCH)? {
        None => terms::OnlyIf::Always,
        Some(Wanted::Anything) => terms::OnlyIf::Exists,
        // A weak tag says that things are alike, not that they are the same.
        Some(Wanted::Tags(tags)) => terms::OnlyIf::Versions(
            tags.iter()
                .filter(|tag| !tag.weak)
                .map(|tag| tag.version().to_owned())
                .collect(),
        ),
    })
}

fn wanted(headers: &HeaderMap, name: &HeaderName) -> Answer<Option<Wanted>> {
    let mut tags = Vec::new();
    let mut anything = false;
    for value in headers.get_all(name) {
        match value.to_str().ok().and_then(parse) {
            Some(Wanted::Anything) => anything = true,
            Some(Wanted::Tags(more)) => tags.extend(more),
            None => return Err(malformed(name)),
        }
    }
    match (anything, tags.is_empty()) {
        (true, true) => Ok(Some(Wanted::Anything)),
        (false, false) => Ok(Some(Wanted::Tags(tags))),
        (false, true) if !headers.contains_key(name) => Ok(None),
        _ => Err(malformed(name)),
    }
}

fn malformed(name: &HeaderName) -> Refused {
    let title = "A header of the request cannot be read";
    Refused::new(StatusCode::BAD_REQUEST, "invalid-header", title)
        .detail(format!("{name} is no list of entity tags"))
        .remedy("write tags as in an ETag field, such as \"0123\", with commas between; or *")
}

/// Reads `*` or a list of tags.
fn parse(text: &str) -> Option<Wanted> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(Wanted::Anything);
    }
    let mut tags = Vec::new();
    loop {
        let (weak, after) = match rest.strip_prefix("W/") {
            Some(after) => (true, after),
            None => (false, rest),
        };
        let (tag, after) = after.strip_prefix('"')?.split_once('"')?;
        if !tag
            .bytes()
            .all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte))
        {
            return None;
        }
        tags.push(Tag {
            weak,
            text: tag.to_owned(),
        });
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Wanted::Tags(tags));
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// Tags what is shown, and leaves out what the client has already.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let conditions = (
        wanted(request.headers(), &header::IF_MATCH),
        wanted(request.headers(), &header::IF_NONE_MATCH),
    );
    let (only_if, unless) = match conditions {
        (Ok(only_if), Ok(unless)) => (only_if, unless),
        (Err(refused), _) | (_, Err(refused)) => return refused.into_response(),
    };
    let response = next.run(request).await;
    let version = response.extensions().get::<Version>().cloned();
    let small = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size <= MAX_TAGGED);
    if !small || !response.status().is_success() || !(reads || version.is_some()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let tag = text_of(version, &bytes);
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        parts.headers.insert(header::ETAG, value);
    }
    if reads {
        if only_if.is_some_and(|wanted| !wanted.names(&tag, false)) {
            return outdated(Some(&tag)).into_response();
        }
        if unless.is_some_and(|wanted| wanted.names(&tag, true)) {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, Body::empty());
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}

impl Wanted {
    /// Whether a tag is among those that are wanted; weak ones count if told.
    fn names(&self, tag: &str, weakly: bool) -> bool {
        match self {
            Self::Anything => true,
            Self::Tags(tags) => tags
                .iter()
                .any(|wanted| wanted.text == tag && (weakly || !wanted.weak)),
        }
    }
}

fn text_of(version: Option<Version>, shown: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = version.map_or_else(String::new, |version| version.0 + ".");
    for byte in Sha256::digest(shown).iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The refusal of a change of something that is not what the client thinks.
pub(super) fn outdated(current: Option<&str>) -> Refused {
    let title = "It is not what If-Match says";
    let refused = Refused::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition-failed",
        title,
    );
    let remedy = "look at it as it is now, and try again with its ETag";
    match current {
        None => refused.detail("there is no such thing").remedy(remedy),
        Some(current) => {
            let tag = format!("\"{current}\"");
            let refused = refused
                .detail(format!("somebody has changed it; its tag is {tag} now"))
                .remedy(remedy);
            match HeaderValue::from_str(&tag) {
                Ok(value) => refused.header(header::ETAG, value),
                Err(_) => refused,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let value = |value: &&'static str| (header::IF_MATCH, HeaderValue::from_static(value));
        values.iter().map(value).collect()
    }

    #[test]
    fn lists_of_tags_are_read() {
        let versions = |values: &[&'static str]| only_if(&headers(values)).map_err(|_| ());
        let these = |tags: &[&str]| {
            Ok(terms::OnlyIf::Versions(
                tags.iter().map(|&t| t.into()).collect(),
            ))
        };
        assert_eq!(versions(&[]), Ok(terms::OnlyIf::Always));
        assert_eq!(versions(&[" * "]), Ok(terms::OnlyIf::Exists));
        assert_eq!(versions(&["\"a.1\""]), these(&["a"]));
        assert_eq!(
            versions(&["\"a\",\"b,c.d\" , W/\"e\""]),
            these(&["a", "b,c"])
        );
        assert_eq!(versions(&["\"a\"", "\"b\""]), these(&["a", "b"]));
        for bad in [
            "",
            "a",
            "\"a",
            "a\"",
            "\"a\" \"b\"",
            "\"a\",",
            ",\"a\"",
            "w/\"a\"",
            "\"a b\"",
            "*,\"a\"",
            "*, *",
        ] {
            assert_eq!(versions(&[bad]), Err(()), "{bad}");
        }
        assert_eq!(versions(&["*", "\"a\""]), Err(()));
    }
}
