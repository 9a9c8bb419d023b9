//! OpenID Connect: the code flow with PKCE, at a provider that describes itself.

mod claims;
mod http;
mod provider;
mod verify;

use std::{collections::BTreeMap, time::Instant};

use async_trait::async_trait;
use muster_api::config::sign_in::OidcSettings;
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, TokenResponse,
    core::{CoreClientAuthMethod, CoreErrorResponseType, CoreResponseType},
};
use subtle::ConstantTimeEq;

use self::{
    claims::Claims,
    http::{Http, HttpError},
    provider::{Provider, Providers, WholeClient},
    verify::{Forged, IdToken, verify},
};
use super::{
    About, Attempt, Begun, Kept, Method, Profile, SignInError, Style, other_style, required,
};

/// Where to look up a description again that has no key for a token, at most
/// this often.
const SHORTEST_LIFE: std::time::Duration = std::time::Duration::from_secs(10);

/// What a provider says in passing is cut there in the log.
const LONGEST_QUOTE: usize = 200;

/// A provider of identities.
pub struct Oidc {
    about: About,
    settings: OidcSettings,
    http: Http,
    providers: Providers,
}

impl Oidc {
    /// A provider with these settings. Reads the CA file; asks nothing yet.
    ///
    /// # Errors
    /// [`SignInError::Misconfigured`] if it could never work.
    pub fn new(about: About, settings: &OidcSettings) -> Result<Self, SignInError> {
        required("client_id", &settings.client_id)?;
        for (name, claim) in [
            ("claims.username", &settings.claims.username),
            ("claims.email", &settings.claims.email),
        ] {
            required(name, claim)?;
        }
        if settings.algorithms.is_empty() {
            return Err(SignInError::misconfigured("algorithms is empty"));
        }
        if settings.client_secret.is_mask() {
            return Err(SignInError::misconfigured(
                "client_secret must be entered again, since the issuer changed",
            ));
        }
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|error| SignInError::misconfigured(format!("issuer: {error}")))?;
        if issuer.url().query().is_some() || issuer.url().fragment().is_some() {
            return Err(SignInError::misconfigured(
                "issuer has a query or a fragment",
            ));
        }
        Ok(Self {
            http: Http::new(settings, issuer.url())?,
            providers: Providers::new(issuer),
            about,
            settings: settings.clone(),
        })
    }

    fn client(&self, provider: &Provider, redirect_uri: &str) -> Result<WholeClient, SignInError> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(|error| {
            SignInError::misconfigured(format!(
                "the address {redirect_uri:?} to return to: {error}"
            ))
        })?;
        let id = ClientId::new(self.settings.client_id.clone());
        let mut client = provider.client(id).set_redirect_uri(redirect);
        let secret = &self.settings.client_secret;
        if !secret.is_empty() {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let methods = provider.metadata.token_endpoint_auth_methods_supported();
        let body_only = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        if body_only {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok(client)
    }

    async fn finish(
        &self,
        parameters: &BTreeMap<String, String>,
        kept: &Kept,
    ) -> Result<Profile, SignInError> {
        let code = self.code(parameters, kept)?;
        let mut provider = self.providers.get(&self.http).await?;
        let client = self.client(&provider, &kept.redirect_uri)?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(kept.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(no_tokens)?;
        let id_token: &IdToken = tokens
            .id_token()
            .ok_or_else(|| SignInError::misconfigured("the provider sent no id token"))?;
        let nonce = Nonce::new(kept.nonce.clone());
        let access_token = tokens.access_token();
        let mut verified = verify(
            &self.settings,
            &provider.metadata,
            id_token,
            access_token,
            &nonce,
        );
        if matches!(verified, Err(Forged::UnknownKey)) && provider.age() > SHORTEST_LIFE {
            // The provider may have begun to sign with another key since.
            provider = self.providers.renew(&self.http, Instant::now()).await?;
            verified = verify(
                &self.settings,
                &provider.metadata,
                id_token,
                access_token,
                &nonce,
            );
        }
        let claims =
            verified.map_err(|why| SignInError::refused(format!("the id token: {why}")))?;
        let mut claims = Claims::new(claims);
        if self.settings.user_info {
            let subject = claims.subject()?;
            claims.add(
                provider
                    .user_info(&client, access_token.clone(), subject, &self.http)
                    .await?,
            );
        }
        claims.profile(&self.about.name, &self.settings)
    }

    /// The code in a callback that belongs to what was kept.
    fn code<'a>(
        &self,
        parameters: &'a BTreeMap<String, String>,
        kept: &Kept,
    ) -> Result<&'a str, SignInError> {
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        if kept.method != self.about.name {
            return Err(SignInError::refused(format!(
                "what was kept is for {}",
                kept.method
            )));
        }
        let state = parameter("state").unwrap_or_default();
        if kept.state.is_empty() || !bool::from(state.as_bytes().ct_eq(kept.state.as_bytes())) {
            return Err(SignInError::refused(
                "the state is not the one that was sent",
            ));
        }
        if let Some(issuer) = parameter("iss").filter(|&issuer| issuer != self.settings.issuer) {
            return Err(SignInError::refused(format!(
                "the answer comes from {:?}",
                quote(issuer)
            )));
        }
        if let Some(error) = parameter("error") {
            let told = parameter("error_description").unwrap_or_default();
            let detail = format!("the provider says {:?}: {:?}", quote(error), quote(told));
            return Err(match error {
                "access_denied"
                | "login_required"
                | "interaction_required"
                | "consent_required"
                | "account_selection_required" => SignInError::refused(detail),
                "server_error" | "temporarily_unavailable" => SignInError::unavailable(detail),
                _ => SignInError::misconfigured(detail),
            });
        }
        parameter("code")
            .filter(|code| !code.is_empty())
            .ok_or_else(|| SignInError::refused("there is no code"))
    }
}

#[async_trait]
impl Method for Oidc {
    fn about(&self) -> &About {
        &self.about
    }

    fn style(&self) -> Style {
        Style::Redirect
    }

    async fn begin(&self, redirect_uri: &str) -> Result<Begun, SignInError> {
        let provider = self.providers.get(&self.http).await?;
        let client = self.client(&provider, redirect_uri)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self
            .settings
            .scopes
            .iter()
            .filter(|&scope| scope != "openid");
        let (url, state, nonce) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(scopes.map(|scope| Scope::new(scope.clone())))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            url: url.into(),
            kept: Kept {
                method: self.about.name.clone(),
                state: state.into_secret(),
                nonce: nonce.secret().clone(),
                verifier: verifier.into_secret(),
                redirect_uri: redirect_uri.to_owned(),
            },
        })
    }

    async fn sign_in(&self, attempt: Attempt<'_>) -> Result<Profile, SignInError> {
        match attempt {
            Attempt::Callback { parameters, kept } => self.finish(parameters, kept).await,
            _ => Err(other_style(&self.about)),
        }
    }
}

/// What it means that the token endpoint gave no tokens.
fn no_tokens(
    error: RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>,
) -> SignInError {
    let (problem, detail) = match &error {
        RequestTokenError::ServerResponse(told) => (told.error(), told.to_string()),
        RequestTokenError::Request(error) => return error.at("the token endpoint"),
        RequestTokenError::Parse(error, _) => {
            return SignInError::misconfigured(format!("the token endpoint's answer: {error}"));
        }
        RequestTokenError::Other(what) => {
            return SignInError::misconfigured(format!("the token endpoint: {what}"));
        }
    };
    let detail = format!("the token endpoint says {:?}", quote(&detail));
    match problem {
        // Used before, expired, or not for this verifier.
        CoreErrorResponseType::InvalidGrant => SignInError::refused(detail),
        CoreErrorResponseType::Extension(name)
            if matches!(name.as_str(), "server_error" | "temporarily_unavailable") =>
        {
            SignInError::unavailable(detail)
        }
        _ => SignInError::misconfigured(detail),
    }
}

/// As much of somebody else's words as fits into the log.
fn quote(text: &str) -> String {
    text.chars().take(LONGEST_QUOTE).collect()
}

#[cfg(test)]
mod tests;
