//! `/api/v1/self/factors` and `/api/v1/self/passkeys`

use muster_api::{
    factors::{
        Factors, Passkey, PasskeyChange, Proof, RecoveryCodes, TotpConfirmation, TotpEnrolment,
    },
    plan::Plan,
};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;

use super::{Client, ClientError};

impl Client {
    /// One's second factors.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn factors(&self) -> Result<Factors, ClientError> {
        self.call(self.get(&["self", "factors"])).await
    }

    /// Makes a secret for an authenticator app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn add_totp(&self, proof: &Proof) -> Result<TotpEnrolment, ClientError> {
        self.call(self.post_once(&["self", "factors", "totp"], proof))
            .await
    }

    /// Confirms the authenticator app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn confirm_totp(&self, confirmation: &TotpConfirmation) -> Result<(), ClientError> {
        let path = ["self", "factors", "totp", "actions", "confirm"];
        self.send(self.post_once(&path, confirmation)).await?;
        Ok(())
    }

    /// Removes the authenticator app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_totp(&self, proof: &Proof) -> Result<(), ClientError> {
        let path = ["self", "factors", "totp", "actions", "remove"];
        self.send(self.post_once(&path, proof)).await?;
        Ok(())
    }

    /// Makes recovery codes.
    ///
    /// # Errors
    /// As of every call.
    pub async fn new_recovery_codes(&self, proof: &Proof) -> Result<RecoveryCodes, ClientError> {
        self.call(self.post_once(&["self", "factors", "recovery-codes"], proof))
            .await
    }

    /// Calls a passkey something else.
    ///
    /// # Errors
    /// As of every call.
    pub async fn rename_passkey(
        &self,
        id: &str,
        change: &PasskeyChange,
    ) -> Result<Passkey, ClientError> {
        let request = self.request(Method::PATCH, &["self", "passkeys", id]);
        self.call(request.json(change)).await
    }

    /// One of one's passkeys.
    ///
    /// # Errors
    /// As of every call.
    pub async fn passkey(&self, id: &str) -> Result<Passkey, ClientError> {
        self.call(self.get(&["self", "passkeys", id])).await
    }

    /// What calling a passkey something else would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_passkey(
        &self,
        id: &str,
        change: &PasskeyChange,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::PATCH, &["self", "passkeys", id]);
        self.call(request.query(&[("dry_run", true)]).json(change))
            .await
    }

    /// Removes a passkey.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_passkey(&self, id: &str, proof: &Proof) -> Result<(), ClientError> {
        let path = ["self", "passkeys", id, "actions", "remove"];
        self.send(self.post_once(&path, proof)).await?;
        Ok(())
    }

    /// Takes all second factors of a user away.
    ///
    /// # Errors
    /// As of every call.
    pub async fn reset_factors(&self, user: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, &["users", user, "factors"]))
            .await?;
        Ok(())
    }

    /// What that would take away.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_factors_reset(&self, user: &str) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["users", user, "factors"]);
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// A `POST` without a key to know it again by: the host would have to
    /// remember a digest of the password in it.
    pub(super) fn post_once(&self, path: &[&str], body: &impl Serialize) -> RequestBuilder {
        self.transport.request(Method::POST, path).json(body)
    }
}
