//! `/api/v1/certificates`

use muster_api::{
    certificates::{Certificate, NewCertificate},
    page::Page,
    plan::Plan,
};
use reqwest::{Method, RequestBuilder};

use super::{Client, ClientError};

impl Client {
    /// All certificates.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn certificates(&self) -> Result<Page<Certificate>, ClientError> {
        self.list(&["certificates"]).await
    }

    /// One certificate.
    ///
    /// # Errors
    /// As of every call.
    pub async fn certificate(&self, name: &str) -> Result<Certificate, ClientError> {
        self.call(self.get(&["certificates", name])).await
    }

    /// Puts a certificate.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_certificate(
        &self,
        name: &str,
        new: &NewCertificate,
    ) -> Result<Certificate, ClientError> {
        self.call(self.certificate_request(name, new)).await
    }

    /// Shows what putting a certificate would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_certificate(
        &self,
        name: &str,
        new: &NewCertificate,
    ) -> Result<Plan, ClientError> {
        let request = self.certificate_request(name, new);
        self.call(request.query(&[("dry_run", true)])).await
    }

    fn certificate_request(&self, name: &str, new: &NewCertificate) -> RequestBuilder {
        self.request(Method::PUT, &["certificates", name]).json(new)
    }

    /// Removes a certificate, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_certificate(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["certificates", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
