//! `POST /api/v1/tokens`, the one call without a token.

use muster_api::tokens::{TokenReply, TokenRequest};
use reqwest::Method;

use super::{ClientError, Transport};

impl Transport {
    /// Asks for tokens, by password or refresh token.
    ///
    /// # Errors
    /// The problem, if the host refuses.
    pub async fn tokens(&self, request: &TokenRequest) -> Result<TokenReply, ClientError> {
        let response = self
            .send(self.request(Method::POST, &["tokens"]).json(request))
            .await?;
        let response = self.check(response).await?;
        self.json(response).await
    }
}
