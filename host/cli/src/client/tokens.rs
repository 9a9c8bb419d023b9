//! `/oauth/token` and what goes with it, the calls without a token.

use muster_api::{
    authorization::{AuthorizationRequest, DeviceReply, DeviceRequest},
    tokens::{CLI_CLIENT, Introspection, OAuthError, TokenForm, TokenReply, TokenRequest},
    users::Profile,
};
use reqwest::Method;
use serde::Serialize;

use super::{ClientError, Transport};

impl Transport {
    /// Asks for tokens, as the command line.
    ///
    /// # Errors
    /// [`ClientError::SignIn`] if something is wrong or missing.
    pub async fn tokens(&self, request: TokenRequest) -> Result<TokenReply, ClientError> {
        let request = TokenRequest {
            client_id: request.client_id.or_else(|| Some(CLI_CLIENT.to_owned())),
            ..request
        };
        let response = self.form("/oauth/token", &request).await?;
        self.json(response).await
    }

    /// The address that a browser opens to sign somebody in.
    ///
    /// # Errors
    /// Never for a request that can be written as a query.
    pub fn authorization_url(&self, request: &AuthorizationRequest) -> Result<String, ClientError> {
        let asked = self
            .outside(Method::GET, "/oauth/authorize")
            .query(request)
            .build();
        let asked = asked.map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(asked.url().to_string())
    }

    /// Codes for a machine without a browser.
    ///
    /// # Errors
    /// If the host cannot be reached, or gives none.
    pub async fn device_codes(&self, request: &DeviceRequest) -> Result<DeviceReply, ClientError> {
        let response = self.form("/oauth/device_authorization", request).await?;
        self.json(response).await
    }

    /// The name of the user whose access token this is.
    ///
    /// # Errors
    /// If the host cannot be reached, or does not take the token.
    pub async fn name_of(&self, access_token: &str) -> Result<String, ClientError> {
        let request = self.request(Method::GET, &["self"]);
        let response = self.send(request.bearer_auth(access_token)).await?;
        let profile: Profile = self.json(self.check(response).await?).await?;
        Ok(profile.user.name)
    }

    /// Ends the session that a token belongs to.
    ///
    /// # Errors
    /// If the host cannot be reached or fails.
    pub async fn revoke(&self, token: &str) -> Result<(), ClientError> {
        let form = TokenForm {
            token: token.to_owned(),
            ..TokenForm::default()
        };
        self.form("/oauth/revoke", &form).await?;
        Ok(())
    }

    /// What is known of a token, asked with an access key.
    ///
    /// # Errors
    /// [`ClientError::SignIn`] if the access key is wrong.
    pub async fn introspect(&self, form: &TokenForm) -> Result<Introspection, ClientError> {
        let response = self.form("/oauth/introspect", form).await?;
        self.json(response).await
    }

    async fn form<T: Serialize>(
        &self,
        path: &str,
        form: &T,
    ) -> Result<reqwest::Response, ClientError> {
        let response = self
            .send(self.outside(Method::POST, path).form(form))
            .await?;
        if !matches!(response.status().as_u16(), 400 | 401 | 429) {
            return self.check(response).await;
        }
        let body = response
            .bytes()
            .await
            .map_err(|source| self.unreachable(source))?;
        Err(match serde_json::from_slice::<OAuthError>(&body) {
            Ok(error) => ClientError::SignIn(Box::new(error)),
            Err(_) => match serde_json::from_slice(&body) {
                Ok(problem) => ClientError::Refused(Box::new(problem)),
                Err(error) => ClientError::Malformed {
                    url: format!("{}{path}", self.address()),
                    reason: error.to_string(),
                },
            },
        })
    }
}
