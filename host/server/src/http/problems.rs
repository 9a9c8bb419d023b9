//! The one place where refusals become problem documents.

use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_api::problem::{self, FieldProblem, Problem};
use muster_blocks::BlocksError;
use muster_store::StoreError;

use super::refusals::Code;
use crate::control::error::ControlError;

/// After how many seconds it is worth to try again when the database is away.
const RETRY: u64 = 5;

/// A refusal on its way to the client.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Box<Problem>, Vec<(HeaderName, HeaderValue)>);

impl Refused {
    pub(super) fn new(status: StatusCode, code: &str, title: &str) -> Self {
        let problem = Box::new(Problem {
            code: code.to_owned(),
            status: status.as_u16(),
            title: title.to_owned(),
            detail: String::new(),
            remedy: None,
            fields: Vec::new(),
            quota: None,
            captcha: None,
            request_id: None,
        });
        Self(problem, Vec::new())
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    pub(super) fn fields(mut self, fields: Vec<FieldProblem>) -> Self {
        self.0.fields = fields;
        self
    }

    /// Sends a header field along.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.1.push((name, value));
        self
    }
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        let text = error.to_string();
        match error {
            ControlError::NotFound { kind, .. } => Self::new(
                StatusCode::NOT_FOUND,
                &format!("{kind}-not-found"),
                "There is no such thing",
            )
            .detail(text)
            .remedy(format!("see what there is with: {}", listing(kind))),
            ControlError::Conflict {
                code,
                message,
                remedy,
            } => Self::new(
                StatusCode::CONFLICT,
                code,
                "This does not fit what is there",
            )
            .detail(message)
            .remedy(remedy),
            ControlError::Unavailable {
                code,
                message,
                remedy,
            } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                code,
                "The host cannot do this now",
            )
            .detail(message)
            .remedy(remedy),
            ControlError::Unknown {
                code,
                message,
                remedy,
            } => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                code,
                "Nobody can tell whether the change was made",
            )
            .detail(message)
            .remedy(remedy),
            ControlError::Outdated { version } => super::etag::outdated(version.as_deref()),
            ControlError::Invalid(fields) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-request",
                "The request has wrong fields",
            )
            .fields(fields),
            ControlError::BlocksMissing(missing) => {
                let field = |digest: &muster_api::blocks::Digest| FieldProblem {
                    field: "files".to_owned(),
                    message: format!("block {digest} was not uploaded"),
                };
                Self::new(
                    StatusCode::CONFLICT,
                    "blocks-missing",
                    "Blocks of the files are missing",
                )
                .detail(text)
                .remedy("upload them with PUT /api/v1/blocks/{digest} and try again")
                .fields(missing.iter().take(100).map(field).collect())
            }
            ControlError::TermsRequired(_) => Self::new(
                StatusCode::FORBIDDEN,
                "terms-required",
                "Accept the terms of use first",
            )
            .detail(text)
            .remedy("log in again with: muster login"),
            ControlError::Unauthorized(why) => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Log in first")
                    .detail(why)
                    .remedy("log in with: muster login")
            }
            ControlError::Locked { wait } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "locked",
                "There were too many wrong passwords and codes",
            )
            .detail(text)
            .header(header::RETRY_AFTER, wait.into()),
            ControlError::Captcha { why, challenge } => {
                let title = "Show that you are no bot";
                let mut refused =
                    Self::new(StatusCode::UNPROCESSABLE_ENTITY, "captcha-required", title)
                        .detail(why);
                refused.0.captcha = Some(challenge);
                refused
            }
            ControlError::Forbidden { permission } => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "You may not do this")
                    .detail(text)
                    .remedy(format!(
                        "ask an admin, or an owner of the project, for: {}",
                        permission.description()
                    ))
            }
            ControlError::OverQuota(over) => {
                let see = format!("see what is used with: muster quota usage {}", over.project);
                let title = "This would be more than a quota allows";
                let mut refused = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "over-quota", title)
                    .detail(text)
                    .remedy(see);
                refused.0.quota = Some(*over);
                refused
            }
            ControlError::Denied {
                code,
                message,
                remedy,
            } => Self::new(StatusCode::FORBIDDEN, code, "You may not do this")
                .detail(message)
                .remedy(remedy),
            ControlError::Plugin(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "plugin-unusable",
                "The plugin cannot play this role",
            )
            .detail(error.to_string())
            .remedy("the plugin that played the role before, if any, still does"),
            ControlError::Engine(error) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "component-unusable",
                "The component cannot run here",
            )
            .detail(error.to_string()),
            ControlError::Store(StoreError::NoSpace)
            | ControlError::Blocks(BlocksError::NoSpace) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no-space",
                "The host's disk is full",
            )
            .detail("nothing was changed")
            .remedy("free some space on the data directory's disk and try again"),
            ControlError::Store(StoreError::NoSpaceThere) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no-space",
                "The disk of the database server is full",
            )
            .detail("nothing was changed; apps that run go on running")
            .remedy("free some space on the disk of the database server that --database-url names and try again"),
            ControlError::Blocks(BlocksError::Away { .. }) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "blocks-away",
                "The server that keeps the blocks is away",
            )
            .detail(text)
            .remedy("see how it is with: muster blocks show; what runs goes on; try again once it is back"),
            ControlError::Store(StoreError::ReadOnly) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "read-only",
                "The host's database can only be read",
            )
            .detail("nothing was changed")
            .remedy("make the data directory writable and try again"),
            ControlError::Store(StoreError::Unreachable { .. }) => {
                tracing::warn!(error = text, "a request was refused");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database-unreachable",
                    "The database cannot be reached",
                )
                .detail("nothing was changed; apps that run go on running")
                .remedy("try again in a few seconds; if it lasts, see to the database server that --database-url names: the host's log says what it answers")
                .header(header::RETRY_AFTER, RETRY.into())
            }
            ControlError::Store(StoreError::Busy { .. }) => {
                tracing::warn!(error = text, "a request was refused");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database-busy",
                    "The database has no time",
                )
                .detail("nothing was changed")
                .remedy("try again in a few seconds")
                .header(header::RETRY_AFTER, RETRY.into())
            }
            ControlError::Store(StoreError::Fenced { .. }) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "leader-changed",
                "Another host leads by now",
            )
            .detail("nothing was changed")
            .remedy("try again: the host that leads now takes the change")
            .header(header::RETRY_AFTER, RETRY.into()),
            ControlError::Store(StoreError::Unknown { .. }) => {
                tracing::error!(error = text, "the outcome of a change is unknown");
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "database-outcome-unknown",
                    "Nobody can tell whether the change was made",
                )
                .detail("the database server was lost while it made the change")
                .remedy("look whether it was made before you try again")
            }
            ControlError::Store(StoreError::Conflict { what }) => Self::new(
                StatusCode::CONFLICT,
                "exists-already",
                "This does not fit what is there",
            )
            .detail(format!("there already is {what}")),
            ControlError::Blocks(
                error @ (BlocksError::Mismatch { .. } | BlocksError::TooLarge { .. }),
            ) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "block-wrong",
                "The block is not what its name says",
            )
            .detail(error.to_string()),
            ControlError::Store(_) | ControlError::Blocks(_) | ControlError::Internal(_) => {
                tracing::error!(error = text, "a request failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "The host failed",
                )
                .detail("nothing was changed; the host's log has more under this request id")
            }
        }
    }
}

/// The command that lists things of a kind.
fn listing(kind: &str) -> &'static str {
    match kind {
        "factor" | "passkey" => "muster self factor list",
        "droplet" => "muster app droplets NAME",
        "access-role" => "muster access-role list",
        "access-binding" => "muster access-binding list",
        "member" => "muster project members PROJECT",
        "quota" => "muster quota list",
        "backup" => "muster backup list",
        "block" => "muster blocks verify",
        "bundle" => "muster bundle list",
        "cluster" => "muster cluster list",
        "file" => "muster bundle show NAME",
        "host" => "muster link list",
        "job" => "muster job list",
        "link-token" => "muster link tokens",
        "key" => "muster key list",
        "role" => "muster role list",
        "route" | "target" => "muster route list",
        "project" => "muster project list",
        "section" => "muster config list",
        "session" => "muster session list",
        "term" => "muster term list",
        "user" => "muster user list",
        _ => "muster app list",
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.0)).into_response();
        response.extensions_mut().insert(Code(self.0.code));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(problem::MEDIA_TYPE),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(self.1);
        response
    }
}

pub(super) async fn no_such_route(request: Request) -> Refused {
    Refused::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        "The API has no such route",
    )
    .detail(request.uri().path().to_owned())
    .remedy("GET /api/openapi.json describes every route")
}

pub(super) async fn method_not_allowed(request: Request) -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The route has no such method",
    )
    .detail(format!("{} {}", request.method(), request.uri().path()))
    .remedy("GET /api/openapi.json describes every route")
}
