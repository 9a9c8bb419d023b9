//! `/oauth/authorize` and what goes with it: the beginning of a sign-in that
//! needs a browser.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    middleware,
    response::Response,
};
use muster_api::{
    authorization::{AuthorizationMetadata, AuthorizationRequest, DeviceReply, DeviceRequest},
    tokens::OAuthError,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    oauth::{Denied, Fields, Uncached, client, scopes},
    pages, rate_limits,
};
use crate::control::{
    authorization::{BadRequest, Goal, Visit},
    sessions::Origin,
    sign_in::SignInError,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(device_authorization_create))
        .layer(middleware::from_fn(rate_limits::sign_in))
        .routes(routes!(authorization_begin))
        .routes(routes!(oauth_metadata_show))
}

/// Begin to sign somebody in with their browser. The code goes to
/// `redirect_uri`; so do errors, once that address is known to be the client's.
#[utoipa::path(get, path = "/oauth/authorize", tag = "oauth", params(AuthorizationRequest), security(()), responses(
    (status = 303, description = "To the sign-in pages, or back to the client with an error"),
    (status = 400, description = "A page that says why the client is told nothing", content_type = "text/html"),
))]
async fn authorization_begin(
    State(api): State<Api>,
    asked: Result<Query<AuthorizationRequest>, QueryRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => {
            return pages::trouble(StatusCode::BAD_REQUEST, &rejection.body_text());
        }
    };
    match api.authorization.check(&asked) {
        Ok(request) => {
            let mut visit = Visit::to(Goal::Code(request));
            visit.method = asked.method;
            pages::begin(&api, &visit).await
        }
        Err(BadRequest::Here(why)) => pages::trouble(StatusCode::BAD_REQUEST, &why),
        Err(BadRequest::There(address)) => pages::go(&address, None),
    }
}

/// Get codes for a device that has no browser (RFC 8628).
#[utoipa::path(post, path = "/oauth/device_authorization", tag = "oauth", request_body(content = DeviceRequest, content_type = "application/x-www-form-urlencoded"), security(()), responses(
    (status = 200, body = DeviceReply),
    (status = 400, description = "Something is wrong; `error` says what", body = OAuthError),
    (status = 401, description = "The client is not known", body = OAuthError),
))]
async fn device_authorization_create(
    State(api): State<Api>,
    Fields(request, origin): Fields<DeviceRequest>,
) -> Result<Uncached<DeviceReply>, Denied> {
    let origin = Origin {
        client: client(request.client_id)?,
        scopes: scopes(request.scope.as_deref())?,
        ..origin
    };
    let reply = api.authorization.device_begin(origin).await;
    Ok(Uncached(reply.map_err(SignInError::Control)?))
}

/// Show what this server can do (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth", security(()), responses((status = 200, body = AuthorizationMetadata)))]
async fn oauth_metadata_show(State(api): State<Api>) -> Json<AuthorizationMetadata> {
    Json(api.authorization.metadata())
}
