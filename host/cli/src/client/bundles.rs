//! `/api/v1/bundles`

use std::time::Duration;

use muster_api::{
    bundles::{Bundle, BundleDetail, NewBundle},
    page::Page,
    plan::Plan,
};
use reqwest::{Method, RequestBuilder, Response};

use super::{Client, ClientError};

/// How long one file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

impl Client {
    /// All bundles.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn bundles(&self) -> Result<Page<Bundle>, ClientError> {
        self.list(&["bundles"]).await
    }

    /// One bundle with its files, and how far each host has got with it.
    ///
    /// # Errors
    /// As of every call.
    pub async fn bundle(&self, name: &str) -> Result<BundleDetail, ClientError> {
        self.call(self.get(&["bundles", name])).await
    }

    /// Puts a bundle whose blocks are there.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_bundle(
        &self,
        name: &str,
        new: &NewBundle,
        replace: bool,
    ) -> Result<Bundle, ClientError> {
        self.call(self.bundle_request(name, new, replace)).await
    }

    /// Shows what putting a bundle would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_bundle(
        &self,
        name: &str,
        new: &NewBundle,
        replace: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.bundle_request(name, new, replace);
        self.call(request.query(&[("dry_run", true)])).await
    }

    fn bundle_request(&self, name: &str, new: &NewBundle, replace: bool) -> RequestBuilder {
        let request = self.request(Method::PUT, &["bundles", name]).json(new);
        request.query(&[("replace", replace)])
    }

    /// Removes a bundle, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_bundle(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["bundles", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// The bytes of a bundle's file, as they come.
    ///
    /// # Errors
    /// As of every call.
    pub async fn bundle_file(&self, name: &str, path: &str) -> Result<Response, ClientError> {
        let request = self.get(&["bundles", name, "files", path]);
        self.send(request.timeout(FILE_TIMEOUT)).await
    }
}
