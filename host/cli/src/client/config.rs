//! `/api/v1/config` and `/api/v1/signing-keys`

use muster_api::{
    config::{SectionSummary, SectionView},
    page::Page,
    tokens::SigningKey,
};
use reqwest::Method;
use serde_json::Value;

use super::{Client, ClientError};

impl Client {
    /// The sections of the configuration.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn config_sections(&self) -> Result<Page<SectionSummary>, ClientError> {
        self.list(&["config"]).await
    }

    /// A section with its values.
    ///
    /// # Errors
    /// As of every call.
    pub async fn config(&self, section: &str) -> Result<SectionView, ClientError> {
        self.call(self.get(&["config", section])).await
    }

    /// The host's description of its API.
    ///
    /// # Errors
    /// As of every call.
    pub async fn description(&self) -> Result<Value, ClientError> {
        let request = self.transport.outside(Method::GET, "/api/openapi.json");
        self.transport.call(request).await
    }

    /// Sets a section, or only says what it would be.
    ///
    /// # Errors
    /// As of every call.
    pub async fn set_config(
        &self,
        section: &str,
        values: &Value,
        dry_run: bool,
    ) -> Result<SectionView, ClientError> {
        let request = self.request(Method::PUT, &["config", section]);
        let request = request.query(&[("dry_run", dry_run)]).json(values);
        self.call(request).await
    }

    /// Gives a section its defaults, or only says what it would be.
    ///
    /// # Errors
    /// As of every call.
    pub async fn reset_config(
        &self,
        section: &str,
        dry_run: bool,
    ) -> Result<SectionView, ClientError> {
        let request = self.request(Method::DELETE, &["config", section]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// The keys that tokens are signed with, newest first.
    ///
    /// # Errors
    /// As of every call.
    pub async fn signing_keys(&self) -> Result<Page<SigningKey>, ClientError> {
        self.list(&["signing-keys"]).await
    }

    /// Makes a new key, which signs from now on.
    ///
    /// # Errors
    /// As of every call.
    pub async fn rotate_signing_keys(&self) -> Result<SigningKey, ClientError> {
        self.call(self.request(Method::POST, &["signing-keys"]))
            .await
    }
}
