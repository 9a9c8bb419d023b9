//! `/api/v1/sign-ups`, `/api/v1/activations` and `/api/v1/password-resets`: the
//! calls of people who are not logged in.

use muster_api::sign_ups::{
    LinkReply, NewActivation, NewPasswordReset, NewSignUp, PasswordResetReply, SignUpInfo,
    SignUpReply, Verification,
};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::{ClientError, Transport};

impl Transport {
    /// What it takes to sign up.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn sign_up_info(&self) -> Result<SignUpInfo, ClientError> {
        self.call(self.request(Method::GET, &["sign-ups"])).await
    }

    /// Signs somebody up.
    ///
    /// # Errors
    /// As of every call.
    pub async fn sign_up(&self, new: &NewSignUp) -> Result<SignUpReply, ClientError> {
        let request = self.request(Method::POST, &["sign-ups"]);
        self.call(request.json(new)).await
    }

    /// Shows that an address is theirs.
    ///
    /// # Errors
    /// As of every call.
    pub async fn verify_email(&self, with: &Verification) -> Result<LinkReply, ClientError> {
        let request = self.request(Method::POST, &["sign-ups", "verification"]);
        self.call(request.json(with)).await
    }

    /// Sets a password by a link.
    ///
    /// # Errors
    /// As of every call.
    pub async fn activate(&self, with: &NewActivation) -> Result<LinkReply, ClientError> {
        let request = self.request(Method::POST, &["activations"]);
        self.call(request.json(with)).await
    }

    /// Asks for a link by which a forgotten password can be replaced.
    ///
    /// # Errors
    /// As of every call.
    pub async fn reset_password(
        &self,
        ask: &NewPasswordReset,
    ) -> Result<PasswordResetReply, ClientError> {
        let request = self.request(Method::POST, &["password-resets"]);
        self.call(request.json(ask)).await
    }

    /// A call without a token.
    ///
    /// # Errors
    /// As of every call.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        self.json(self.check(response).await?).await
    }
}
