//! `/api/v1/terms`

use muster_api::{
    page::Page,
    terms::{Acceptance, NewTerm, Term, TermInfo},
};
use reqwest::Method;

use super::{Client, ClientError, Transport};

impl Client {
    /// The versions of the terms of use, newest first.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn terms(&self) -> Result<Page<TermInfo>, ClientError> {
        self.list(&["terms"]).await
    }

    /// One version with its text.
    ///
    /// # Errors
    /// As of every call.
    pub async fn term(&self, version: u64) -> Result<Term, ClientError> {
        self.call(self.get(&["terms", &version.to_string()])).await
    }

    /// Adds a version.
    ///
    /// # Errors
    /// As of every call.
    pub async fn add_term(&self, new: &NewTerm) -> Result<TermInfo, ClientError> {
        self.call(self.post(&["terms"], new)).await
    }

    /// Who accepted what.
    ///
    /// # Errors
    /// As of every call.
    pub async fn acceptances(&self, version: Option<u64>) -> Result<Page<Acceptance>, ClientError> {
        let filter: Vec<_> = version
            .map(|version| ("version", version.to_string()))
            .into_iter()
            .collect();
        self.list_where(&["term-acceptances"], &filter).await
    }
}

impl Transport {
    /// One version with its text, for somebody who is not logged in.
    ///
    /// # Errors
    /// As of every call.
    pub async fn term(&self, version: u64) -> Result<Term, ClientError> {
        let request = self.request(Method::GET, &["terms", &version.to_string()]);
        self.call(request).await
    }
}
