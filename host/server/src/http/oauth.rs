//! `/oauth`: tokens in the words of OAuth 2 (RFC 6749, 7009, 7662).

use std::convert::Infallible;

use axum::{
    Extension, Form, Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster_api::{
    authorization::DEVICE_GRANT,
    factors::PasskeyAnswer,
    permissions::Permission,
    tokens::{CLI_CLIENT, Introspection, OAuthError, TokenForm, TokenReply, TokenRequest},
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
    sessions::{Bearer, Origin, seconds},
    sign_in::{Attempt, SignInError, terms_required},
};

/// The largest form.
const MAX_FORM: usize = 256 << 10;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(token_create))
        .layer(middleware::from_fn(rate_limits::sign_in))
        .routes(routes!(token_revoke))
        .routes(routes!(token_introspect))
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
    Basic(basic): Basic,
    Fields(request, origin): Fields<TokenRequest>,
) -> Result<Uncached<TokenReply>, Denied> {
    grant(&api, &claim, basic, request, origin)
        .await
        .map(Uncached)
}

/// Gives tokens for whatever somebody shows.
pub(super) async fn grant(
    api: &Api,
    claim: &Claim,
    basic: BasicHeader,
    request: TokenRequest,
    origin: Origin,
) -> Result<TokenReply, Denied> {
    let name = request.username.as_deref();
    claim.tries(name.or(request.client_id.as_deref()).or(basic.id()));
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
        "client_credentials" => {
            let (id, secret) = basic.or_form(request.client_id, request.client_secret)?;
            let scopes = scopes(request.scope.as_deref())?;
            let from = origin.address.as_deref();
            api.keys.by_secret(&id, &secret, scopes, from).await?
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
    Ok(reply)
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

/// Tell whose a token is and whether it is good. Asks for an access key, as
/// HTTP Basic or in the form.
#[utoipa::path(post, path = "/oauth/introspect", tag = "oauth", request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"), security(()), responses(
    (status = 200, body = Introspection),
    (status = 400, description = "The form cannot be read; `error` says what is wrong", body = OAuthError),
    (status = 401, description = "The access key is wrong or missing", body = OAuthError),
))]
async fn token_introspect(
    State(api): State<Api>,
    Extension(claim): Extension<Claim>,
    Basic(basic): Basic,
    Fields(form, origin): Fields<TokenForm>,
) -> Result<Uncached<Introspection>, Denied> {
    claim.tries(form.client_id.as_deref().or(basic.id()));
    let (id, secret) = basic.or_form(form.client_id, form.client_secret)?;
    let from = origin.address.as_deref();
    api.keys.authenticate(&id, &secret, from).await?;
    let Ok(read) = api.sessions.read(&form.token) else {
        let known = api.sessions.introspect_refresh(&form.token).await;
        return Ok(Uncached(known.map_err(SignInError::Control)?));
    };
    let known = match &read.claims {
        Bearer::Session(claims) => api.sessions.introspect(claims).await,
        Bearer::Key(claims) => api.keys.introspect(claims).await,
    };
    let mut known = known.map_err(SignInError::Control)?;
    if known.active {
        known.exp = seconds(read.expires_at);
        known.iat = seconds(read.issued_at);
    }
    Ok(Uncached(known))
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

/// What the header `Authorization: Basic` says, if there is one.
struct Basic(BasicHeader);

/// Id and secret of an access key, as HTTP Basic.
pub(super) enum BasicHeader {
    Absent,
    /// It is there, but cannot be read.
    Malformed,
    Given(String, String),
}

impl BasicHeader {
    /// The id.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Given(id, _) => Some(id),
            Self::Absent | Self::Malformed => None,
        }
    }

    /// Id and secret from here, or from the form, but not from both (RFC 6749,
    /// section 2.3).
    fn or_form(
        self,
        id: Option<String>,
        secret: Option<String>,
    ) -> Result<(String, String), SignInError> {
        match self {
            Self::Absent => match (id, secret) {
                (Some(id), Some(secret)) => Ok((id, secret)),
                _ => Err(SignInError::refused(
                    "invalid_client",
                    "show an access key: its id and secret as HTTP Basic, or as 'client_id' and 'client_secret'",
                )),
            },
            Self::Malformed => Err(SignInError::refused(
                "invalid_client",
                "the header Authorization cannot be read as HTTP Basic",
            )),
            Self::Given(name, _) if secret.is_some() || id.is_some_and(|id| id != name) => {
                Err(SignInError::refused(
                    "invalid_request",
                    "show the access key in one way, not in two",
                ))
            }
            Self::Given(id, secret) => Ok((id, secret)),
        }
    }
}

impl FromRequestParts<Api> for Basic {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Infallible> {
        Ok(Self(basic(&parts.headers)))
    }
}

fn basic(headers: &HeaderMap) -> BasicHeader {
    let header = headers.get(header::AUTHORIZATION);
    let Some(text) = header.and_then(|value| value.to_str().ok()) else {
        return BasicHeader::Absent;
    };
    let Some((scheme, rest)) = text.split_once(' ') else {
        return BasicHeader::Absent;
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return BasicHeader::Absent;
    }
    let bytes = STANDARD.decode(rest.trim()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, secret)) => BasicHeader::Given(id.to_owned(), secret.to_owned()),
        None => BasicHeader::Malformed,
    }
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
                let challenge = status == StatusCode::UNAUTHORIZED;
                let code = Code(error.error.clone());
                let mut response = uncached((status, Json(error)).into_response());
                response.extensions_mut().insert(code);
                if challenge {
                    let basic = HeaderValue::from_static("Basic realm=\"muster\"");
                    response
                        .headers_mut()
                        .insert(header::WWW_AUTHENTICATE, basic);
                }
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
