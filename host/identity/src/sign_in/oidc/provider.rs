//! What a provider says about itself, kept for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openidconnect::{
    AccessToken, Client, ClientId, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IssuerUrl, StandardErrorResponse, StandardTokenResponse, SubjectIdentifier, TokenUrl,
    UserInfoClaims, UserInfoError,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreProviderMetadata, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{
    http::{Http, HttpError},
    verify::{AllClaims, IdTokenFields},
};
use crate::sign_in::SignInError;

/// How long a description is believed before it is read again.
const LIFE: Duration = Duration::from_secs(600);

/// A client that is told all claims, with the endpoints of the code flow.
pub type WholeClient = Client<
    AllClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<IdTokenFields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointMaybeSet,
>;

/// The description of one provider, as it is now.
pub struct Providers {
    issuer: IssuerUrl,
    known: Mutex<Option<Arc<Provider>>>,
}

/// A description with all that the code flow needs.
pub struct Provider {
    /// The description, with the keys.
    pub metadata: CoreProviderMetadata,
    token: TokenUrl,
    read_at: Instant,
}

impl Providers {
    /// Nothing is read yet.
    pub fn new(issuer: IssuerUrl) -> Self {
        Self {
            issuer,
            known: Mutex::new(None),
        }
    }

    /// The description, read again if it is old.
    ///
    /// # Errors
    /// If it cannot be read or does not serve.
    pub async fn get(&self, http: &Http) -> Result<Arc<Provider>, SignInError> {
        let not_before = Instant::now().checked_sub(LIFE);
        self.newer(http, not_before).await
    }

    /// The description, as it was at `since` or later.
    ///
    /// # Errors
    /// If it cannot be read or does not serve.
    pub async fn renew(&self, http: &Http, since: Instant) -> Result<Arc<Provider>, SignInError> {
        self.newer(http, Some(since)).await
    }

    async fn newer(
        &self,
        http: &Http,
        since: Option<Instant>,
    ) -> Result<Arc<Provider>, SignInError> {
        // Whoever comes while it is read waits and then finds it.
        let mut known = self.known.lock().await;
        if let Some(provider) = known.as_ref()
            && since.is_none_or(|since| provider.read_at >= since)
        {
            return Ok(Arc::clone(provider));
        }
        let provider = Arc::new(self.read(http).await?);
        *known = Some(Arc::clone(&provider));
        Ok(provider)
    }

    async fn read(&self, http: &Http) -> Result<Provider, SignInError> {
        let read_at = Instant::now();
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), http)
            .await
            .map_err(|error| undiscovered(&self.issuer, error))?;
        let token = metadata
            .token_endpoint()
            .cloned()
            .ok_or_else(|| SignInError::misconfigured("the provider has no token endpoint"))?;
        // The browser goes there; all others are checked when they are asked.
        http.check(metadata.authorization_endpoint().url())?;
        Ok(Provider {
            metadata,
            token,
            read_at,
        })
    }
}

impl Provider {
    /// How long ago it was read.
    pub fn age(&self) -> Duration {
        self.read_at.elapsed()
    }

    /// A client of this provider.
    pub fn client(&self, id: ClientId) -> WholeClient {
        Client::from_provider_metadata(self.metadata.clone(), id, None)
            .set_token_uri(self.token.clone())
    }

    /// What the user-info endpoint says about `subject`.
    ///
    /// # Errors
    /// If it cannot be asked or speaks of somebody else.
    pub async fn user_info(
        &self,
        client: &WholeClient,
        access_token: AccessToken,
        subject: &str,
        http: &Http,
    ) -> Result<Map<String, Value>, SignInError> {
        let subject = SubjectIdentifier::new(subject.to_owned());
        let claims: UserInfoClaims<AllClaims, CoreGenderClaim> = client
            .user_info(access_token, Some(subject))
            .map_err(|_| SignInError::misconfigured("the provider has no user-info endpoint"))?
            .request_async(http)
            .await
            .map_err(|error| match error {
                UserInfoError::Request(error) => error.at("the user-info endpoint"),
                UserInfoError::ClaimsVerification(error) => {
                    SignInError::refused(format!("the user-info endpoint: {error}"))
                }
                UserInfoError::Response(status, _, what) => {
                    SignInError::unavailable(format!("the user-info endpoint: {status}: {what}"))
                }
                error => SignInError::misconfigured(format!("the user-info endpoint: {error}")),
            })?;
        match serde_json::to_value(&claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err(SignInError::misconfigured(
                "the user-info endpoint's answer is no object",
            )),
        }
    }
}

fn undiscovered(issuer: &IssuerUrl, error: DiscoveryError<HttpError>) -> SignInError {
    let issuer = issuer.as_str();
    match error {
        DiscoveryError::Request(error) => error.at(issuer),
        DiscoveryError::Response(status, _, what) if status.is_server_error() => {
            SignInError::unavailable(format!("{issuer}: {status}: {what}"))
        }
        DiscoveryError::Response(status, _, what) => {
            SignInError::misconfigured(format!("{issuer}: {status}: {what}"))
        }
        error => SignInError::misconfigured(format!("{issuer}: {error}")),
    }
}
