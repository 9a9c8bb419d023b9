//! What the client gets when no app answers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use muster_api::problem::{self, Problem};
use muster_engine::{Refusal, plugin::routing::Redirect};

use crate::access::RecordedBody;

/// A response's body: an app's, or ours.
pub(crate) type ReplyBody = Either<RecordedBody, Full<Bytes>>;

/// A problem document.
pub(crate) fn problem<B>(
    status: StatusCode,
    code: &str,
    title: &str,
    request: &str,
) -> Response<Either<B, Full<Bytes>>> {
    let document = Problem {
        code: code.to_owned(),
        status: status.as_u16(),
        title: title.to_owned(),
        detail: String::new(),
        remedy: None,
        fields: Vec::new(),
        quota: None,
        captcha: None,
        request_id: Some(request.to_owned()),
    };
    // Serialising plain strings and numbers cannot fail.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(problem::MEDIA_TYPE),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// What a refusal looks like from outside: which limit, but nothing of the
/// app's insides.
pub(crate) fn refusal(refusal: &Refusal, request: &str) -> Response<ReplyBody> {
    let title = match refusal {
        Refusal::Trap(_) => "The app failed".to_owned(),
        Refusal::NoResponse(_) => "The app gave no answer".to_owned(),
        limit => limit.to_string(),
    };
    problem(refusal.status(), refusal.code(), &title, request)
}

/// A redirect as the router decided it.
pub(crate) fn redirect(redirect: &Redirect, request: &str) -> Response<ReplyBody> {
    let location = HeaderValue::from_str(&redirect.location);
    let status = StatusCode::from_u16(redirect.status);
    match (location, status) {
        (Ok(location), Ok(status)) if status.is_redirection() => {
            let mut response = Response::new(Either::Right(Full::default()));
            *response.status_mut() = status;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        _ => problem(
            StatusCode::BAD_GATEWAY,
            "router-invalid-redirect",
            "The router asked for a redirect that is none",
            request,
        ),
    }
}
