//! Calls of the API that a leader carries to another host of its group. The
//! leader says who asks and what they may do; that they may, it has checked.

use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderName, HeaderValue, StatusCode, Uri, uri::InvalidUri},
    response::{IntoResponse, Response},
};
use muster_api::{hosts::NODE_HEADER, permissions::Permission};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use super::{CallError, Connection, Patience, WORDS_ALPN, dial::relay};
use crate::control::{
    error::ControlError,
    linking::{Links, Served, one_called},
};

/// What such a call's path begins with; the API's own path follows.
pub(super) const CALL: &str = "/peer/v1/call";
/// Who asks, as JSON.
const DELEGATE: HeaderName = HeaderName::from_static("muster-delegate");

/// Who asks through the leader, among the extensions of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delegate {
    /// Their name.
    pub(crate) name: String,
    /// What the operation needs, and they have.
    pub(crate) permission: Permission,
    /// From where they asked the leader.
    pub(crate) origin: Option<String>,
}

impl Links {
    /// Has another host of the group answer a request.
    ///
    /// # Errors
    /// If there is no such host, or it cannot be reached.
    pub(crate) async fn carry(
        &self,
        node: &str,
        who: &Delegate,
        mut request: Request,
    ) -> Result<Response, ControlError> {
        let hosts = self.neighbours().await?;
        let host = &one_called(node, hosts, |host| (&host.name, host.id))?;
        let config = self.dialling(host, WORDS_ALPN)?;
        *request.uri_mut() = below(CALL, request.uri())?;
        let wrong = |error: &dyn std::fmt::Display| ControlError::Internal(error.to_string());
        let told = serde_json::to_string(who).map_err(|error| wrong(&error))?;
        let told = HeaderValue::from_str(&told).map_err(|error| wrong(&error))?;
        let headers = request.headers_mut();
        headers.remove(axum::http::header::AUTHORIZATION);
        headers.remove(NODE_HEADER);
        headers.insert(DELEGATE, told);
        let changes = !request.method().is_safe();
        match relay(&host.addresses, config, request, Patience::WORDS.whole).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(CallError::Unsure) if changes => Err(ControlError::Unknown {
                code: "host-outcome-unknown",
                message: format!(
                    "{} was asked, and gave no answer; nobody can tell whether the change was made",
                    host.name
                ),
                remedy: "look there what is the case, or ask again with the same Idempotency-Key"
                    .to_owned(),
            }),
            Err(error) => Err(ControlError::Conflict {
                code: "host-silent",
                message: format!("{} did not answer: {error}", host.name),
                remedy: "see how it is with: muster link list".to_owned(),
            }),
        }
    }
}

/// Answers a call that the leader carries here.
pub(super) async fn called(
    State(links): State<Links>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Response {
    let leads = connection.peer.is_some_and(|peer| links.is_led_by(peer));
    let told = request.headers_mut().remove(DELEGATE);
    let told = told.and_then(|told| serde_json::from_slice::<Delegate>(told.as_bytes()).ok());
    let (Some(who), Some(served), true) = (told, links.served(), leads) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let mut known = Extensions::new();
    known.insert(who);
    known.insert(ConnectInfo(connection.address));
    answered(&served, CALL, request, known).await
}

/// A path of the API below a prefix, on which another host takes it.
pub(super) fn below(prefix: &str, uri: &Uri) -> Result<Uri, ControlError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let wrong = |error: InvalidUri| ControlError::Internal(error.to_string());
    format!("{prefix}{path}").parse().map_err(wrong)
}

/// What the API here answers to a call that came below a prefix. Of what was found
/// out on the way here, such as the route, it learns what is `known` alone.
pub(super) async fn answered(
    served: &Served,
    prefix: &str,
    mut request: Request,
    known: Extensions,
) -> Response {
    let path = request.uri().path_and_query();
    let path = path.and_then(|path| path.as_str().strip_prefix(prefix));
    let Some(uri) = path.and_then(|path| path.parse::<Uri>().ok()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    *request.uri_mut() = uri;
    *request.extensions_mut() = known;
    match served.api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
