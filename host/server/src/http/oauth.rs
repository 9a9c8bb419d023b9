//! `/oauth`: tokens in the words of OAuth 2 (RFC 6749, 7009, 7662).

use axum::{
    Extension, Form, Json,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use muster_api::{
    authorization::DEVICE_GRANT,
    factors::PasskeyAnswer,
    permissions::Permission,
    tokens::{CLI_CLIENT, OAuthError, TokenForm, TokenReply, TokenRequest},
};
use serde::de::DeserializeOwned;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    authorise::{origin, request_id},
    problems::Refused,
    rate_limits,
    refusals::{Claim, Code},
    reply::Raw,
};
use crate::control::{
    authorization::{self, Redemption, clients::is_client},
    error::ControlError,
    factors::Shown,
    sessions::Origin,
    sign_in::{Attempt, SignInError, terms_required},
};

/// The largest form.
const MAX_FORM: usize = 256 << 10;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(token_create))
        .layer(middleware::from_fn(rate_limits::sign_in))
        .routes(routes!(token_revoke))
        .routes(routes!(key_set_show))
}

/// Trade a password, a refresh token, a code or an access key for tokens.
#[utoipa::path(post, path = "/oauth/token", tag = "oauth", request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"), security(()), responses(
    (status = 200, body = TokenReply),
    (status = 400, description = "Something is wrong or missing; `error` says what", body = OAuthError),
    (status = 401, description = "The client is not known", body = OAuthError),
))]
async fn token_create(
    State(api): State<Api>,
    Extension(claim): Extension<Claim>,
    Fields(request, origin): Fields<TokenRequest>,
) -> Result<Uncached<TokenReply>, Denied> {
    claim.tries(request.username.as_deref());
    let reply = match request.grant_type.as_str() {
        "password" => {
            let attempt = Attempt {
                username: needed(request.username, "username")?,
                password: needed(request.password, "password")?,
                captcha: request.captcha,
                factor: Shown {
                    otp: request.otp,
                    passkey: request.passkey.as_deref().map(answer).transpose()?,
                },
                accept_terms: request.accept_terms,
            };
            let origin = Origin {
                client: client(request.client_id)?,
                method: request.method.unwrap_or_else(|| "local".to_owned()),
                scopes: scopes(request.scope.as_deref())?,
                ..origin
            };
            api.sign_in.by_password(attempt, origin).await?
        }
        "refresh_token" => {
            let token = needed(request.refresh_token, "refresh_token")?;
            let refreshed = api.sessions.refresh(&token).await;
            refreshed.map_err(|error| match error {
                ControlError::Unauthorized(why) => SignInError::refused("invalid_grant", why),
                ControlError::TermsRequired(version) => terms_required(version),
                error => SignInError::Control(error),
            })?
        }
        "authorization_code" => {
            let shown = Redemption {
                code: needed(request.code, "code")?,
                redirect_uri: needed(request.redirect_uri, "redirect_uri")?,
                verifier: needed(request.code_verifier, "code_verifier")?,
            };
            let origin = Origin {
                client: client(request.client_id)?,
                ..origin
            };
            api.authorization.redeem(shown, origin).await?
        }
        DEVICE_GRANT => {
            let code = needed(request.device_code, "device_code")?;
            let origin = Origin {
                client: client(request.client_id)?,
                ..origin
            };
            api.authorization.device_redeem(&code, origin).await?
        }
        other => {
            let why = format!("there is no grant '{other}'");
            return Err(SignInError::refused("unsupported_grant_type", &why).into());
        }
    };
    Ok(Uncached(reply))
}

/// End the session that a token belongs to.
#[utoipa::path(post, path = "/oauth/revoke", tag = "oauth", request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"), security(()), responses(
    (status = 200, description = "The token is of no use any more, if it ever was"),
    (status = 400, description = "Something is wrong or missing; `error` says what", body = OAuthError),
))]
async fn token_revoke(
    State(api): State<Api>,
    Fields(form, origin): Fields<TokenForm>,
) -> Result<StatusCode, Denied> {
    let done = api.sessions.revoke(&form.token, &origin).await;
    done.map_err(SignInError::Control)?;
    Ok(StatusCode::OK)
}

/// Show the keys with which access tokens can be checked (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "oauth", security(()), responses((status = 200, body = Object)))]
async fn key_set_show(State(api): State<Api>) -> Json<serde_json::Value> {
    Json(api.sessions.tokens.published())
}

fn needed(field: Option<String>, name: &str) -> Result<String, SignInError> {
    field.ok_or_else(|| SignInError::refused("invalid_request", &format!("'{name}' is missing")))
}

/// What a passkey answered, in a field of a form.
fn answer(text: &str) -> Result<PasskeyAnswer, SignInError> {
    serde_json::from_str(text).map_err(|error| {
        SignInError::refused(
            "invalid_request",
            &format!("'passkey' cannot be read: {error}"),
        )
    })
}

/// The client that signs in for a person.
pub(super) fn client(id: Option<String>) -> Result<String, SignInError> {
    let id = id.unwrap_or_else(|| CLI_CLIENT.to_owned());
    if is_client(&id) {
        Ok(id)
    } else {
        let why = format!("there is no client '{id}'");
        Err(SignInError::refused("invalid_client", &why))
    }
}

/// Permissions as OAuth writes them: separated by spaces.
pub(super) fn scopes(text: Option<&str>) -> Result<Option<Vec<Permission>>, SignInError> {
    authorization::scopes(text).map_err(|why| SignInError::refused("invalid_scope", &why))
}

/// A form, and where it came from.
pub(super) struct Fields<T>(pub(super) T, pub(super) Origin);

impl<T: DeserializeOwned> FromRequest<Api> for Fields<T> {
    type Rejection = Denied;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Denied> {
        let origin = Origin {
            address: origin(request.extensions()),
            agent: agent(request.headers()),
            request: request_id(request.headers()),
            ..Origin::default()
        };
        let (parts, body) = request.into_parts();
        let raw = Raw::<MAX_FORM>::from_request(Request::from_parts(parts.clone(), body), api);
        let Raw(bytes) = raw.await.map_err(Denied::Refused)?;
        let form = Form::<T>::from_request(Request::from_parts(parts, bytes.into()), api).await;
        let form = form
            .map_err(|rejection| SignInError::refused("invalid_request", &rejection.body_text()))?;
        Ok(Self(form.0, origin))
    }
}

/// What a client says that it is, cut to what is worth keeping.
pub(super) fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(200).collect())
}

/// A reply that nobody on the way may keep.
pub(super) struct Uncached<T>(pub(super) T);

impl<T: serde::Serialize> IntoResponse for Uncached<T> {
    fn into_response(self) -> Response {
        uncached(Json(self.0).into_response())
    }
}

fn uncached(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

/// Why there is no token.
pub(super) enum Denied {
    /// In the words of OAuth.
    OAuth(Box<OAuthError>),
    /// As a problem: the host failed, or the body cannot be read.
    Refused(Refused),
}

impl From<SignInError> for Denied {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused(error) => Self::OAuth(error),
            SignInError::Control(error) => Self::Refused(error.into()),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refused) => refused.into_response(),
            Self::OAuth(error) => {
                let status = match error.error.as_str() {
                    "invalid_client" => StatusCode::UNAUTHORIZED,
                    "locked" => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::BAD_REQUEST,
                };
                let wait = error.retry_after;
                let code = Code(error.error.clone());
                let mut response = uncached((status, Json(error)).into_response());
                response.extensions_mut().insert(code);
                if let Some(wait) = wait {
                    response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, wait.into());
                }
                response
            }
        }
    }
}
